import Audit
import Foundation

/// An audit for CI systems: SARIF 2.1.0, one rule a kind of finding.
public struct SARIFReport: Encodable {
    private var schema = "https://json.schemastore.org/sarif-2.1.0.json"
    private var version = "2.1.0"
    private let runs: [Run]

    private enum CodingKeys: String, CodingKey {
        case schema = "$schema"
        case version, runs
    }

    /// `program` is the tool's name.
    public init(_ report: AuditReport, program: String) {
        let kinds = FindingKind.allCases
        runs = [
            Run(
                tool: Tool(driver: Driver(name: program, rules: kinds.map(Rule.init))),
                results: report.findings.map { finding in
                    Result(finding, ruleIndex: kinds.firstIndex { $0.id == finding.id } ?? 0)
                })
        ]
    }

    /// The file's contents.
    public var json: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return try encoder.encode(self) + Data("\n".utf8)
        }
    }

    // SARIF 2.1.0 §3.14 run, §3.18 tool, §3.19 toolComponent, §3.49 reportingDescriptor, §3.27 result, §3.28 location,
    // §3.33 logicalLocation, §3.35 suppression.

    private struct Run: Encodable {
        let tool: Tool
        let results: [Result]
    }

    private struct Tool: Encodable {
        let driver: Driver
    }

    private struct Driver: Encodable {
        let name: String
        let rules: [Rule]
    }

    private struct Message: Encodable {
        let text: String
    }

    private struct Rule: Encodable {
        let id: String
        let shortDescription: Message
        let fullDescription: Message
        let help: Message
        let defaultConfiguration: Configuration

        struct Configuration: Encodable {
            let level: String
        }

        init(_ kind: FindingKind) {
            id = kind.id
            shortDescription = Message(text: kind.text.title + ".")
            fullDescription = Message(text: kind.text.why)
            help = Message(text: kind.text.advice)
            defaultConfiguration = Configuration(level: kind.severity.level)
        }
    }

    private struct Result: Encodable {
        let ruleId: String
        let ruleIndex: Int
        let level: String
        let message: Message
        let locations: [Location]
        /// The same finding on the same object has the same one in every run.
        let partialFingerprints: [String: String]
        /// An accepted finding was suppressed from outside.
        let suppressions: [Suppression]

        init(_ finding: AuditReport.Entry, ruleIndex: Int) {
            let object = finding.object.sentence
            ruleId = finding.id
            self.ruleIndex = ruleIndex
            level = finding.severity.level
            message = Message(
                text: "\(object): expected \(finding.expected), found \(finding.found). \(finding.advice)")
            locations = [Location(finding.object)]
            partialFingerprints = [
                "tenpinObject/v1": [finding.id, finding.object.enrollment, object].compactMap(\.self).joined(
                    separator: " ")
            ]
            suppressions = finding.accepted ? [Suppression()] : []
        }
    }

    private struct Suppression: Encodable {
        var kind = "external"
        var justification = "accepted by the auditor"
    }

    private struct Location: Encodable {
        let logicalLocations: [Logical]
        let physicalLocation: Physical

        struct Logical: Encodable {
            let name: String
            let fullyQualifiedName: String
            var kind = "resource"
        }

        /// Some systems show nothing without a file: the one of the vault's home that speaks of the object.
        struct Physical: Encodable {
            let artifactLocation: Artifact
        }

        struct Artifact: Encodable {
            let uri: String
        }

        init(_ object: Finding.Subject) {
            logicalLocations = [Logical(name: object.name, fullyQualifiedName: object.sentence)]
            physicalLocation = Physical(
                artifactLocation: Artifact(uri: object.enrollment == nil ? "vault.json" : "vault.sqlite"))
        }
    }
}

extension Severity {
    /// SARIF 2.1.0 §3.27.10.
    fileprivate var level: String {
        switch self {
        case .note: "note"
        case .warning: "warning"
        case .critical: "error"
        }
    }
}
