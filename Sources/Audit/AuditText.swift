import TPM

extension AuditReport {
    /// For people: the verdict, the vault, and each finding with why it matters and what to do; the worst first.
    public var text: String {
        var lines = [headline, ""]
        lines += [
            "Endorsement Name  \(endorsementName)", "Firmware          \(firmware)",
            "Enrollments       \(liveEnrollments) live of \(enrollments)"
                + (capacity.map { "; \($0) slots fit" } ?? ""),
        ]
        for finding in findings {
            lines += [
                "",
                "\(finding.severity.rawValue.uppercased())\(finding.accepted ? " (accepted)" : "")  \(finding.id)  "
                    + finding.object.sentence, "  Rule      \(finding.rule).", "  Expected  \(finding.expected)",
                "  Found     \(finding.found)", "  Why       \(finding.why)", "  Do        \(finding.advice)",
            ]
        }
        return lines.joined(separator: "\n")
    }

    private var headline: String {
        let counted = findings.filter { !$0.accepted }
        guard !counted.isEmpty else {
            return findings.isEmpty ? "Clean: nothing was found." : "Clean, but for what you accepted."
        }
        let counts = Severity.allCases.reversed().compactMap { severity -> String? in
            let count = counted.count { $0.severity == severity }
            return count == 0 ? nil : "\(count) \(severity.rawValue)" + (count == 1 || severity == .critical ? "" : "s")
        }
        return "Findings: \(counts.joined(separator: ", "))."
    }
}
