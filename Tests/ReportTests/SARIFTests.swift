import Audit
import Foundation
import Report
import Testing

/// SARIF 2.1.0, by the parts that its schema requires.
@Suite struct SARIFTests {
    @Test("every kind of finding is a rule, and every finding a result that names one")
    func schema() throws {
        let evidence = try SampleAudit.evidence(accounts: 4)
        let findings = SampleAudit.findings(evidence)
        let report = SARIFReport(
            AuditReport(findings, of: evidence, basis: .chip), program: "tenpin-vault")
        let log = try #require(JSONSerialization.jsonObject(with: report.json) as? [String: Any])
        #expect(Set(log.keys) == ["$schema", "version", "runs"])
        #expect(log["version"] as? String == "2.1.0")
        let runs = try #require(log["runs"] as? [[String: Any]])
        #expect(runs.count == 1)
        let driver = try #require((runs[0]["tool"] as? [String: Any])?["driver"] as? [String: Any])
        #expect(driver["name"] as? String == "tenpin-vault")
        let rules = try #require(driver["rules"] as? [[String: Any]])
        #expect(rules.compactMap { $0["id"] as? String } == FindingKind.allCases.map(\.id))
        #expect(Set(rules.compactMap { $0["id"] as? String }).count == rules.count)
        for rule in rules {
            for field in ["shortDescription", "fullDescription", "help"] {
                #expect(((rule[field] as? [String: Any])?["text"] as? String)?.isEmpty == false)
            }
        }

        let results = try #require(runs[0]["results"] as? [[String: Any]])
        #expect(results.count == findings.count)
        for (result, finding) in zip(results, findings) {
            let index = try #require(result["ruleIndex"] as? Int)
            #expect(rules[index]["id"] as? String == finding.kind.id)
            #expect(result["ruleId"] as? String == finding.kind.id)
            let levels: [Severity: String] = [.note: "note", .warning: "warning", .critical: "error"]
            #expect(result["level"] as? String == levels[finding.severity])
            let text = try #require((result["message"] as? [String: Any])?["text"] as? String)
            #expect(text.contains(finding.found) && text.contains(finding.expected))
            let location = try #require((result["locations"] as? [[String: Any]])?.first)
            #expect((location["logicalLocations"] as? [Any])?.count == 1 && location["physicalLocation"] != nil)
            let suppressed = try #require(result["suppressions"] as? [[String: Any]])
            #expect(suppressed.compactMap { $0["kind"] as? String } == (finding.isAccepted ? ["external"] : []))
        }
        let prints = results.compactMap { ($0["partialFingerprints"] as? [String: String])?.values.first }
        #expect(Set(prints).count == findings.count)
    }
}
