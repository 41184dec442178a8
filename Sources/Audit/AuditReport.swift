import TPM

/// What an audit says, as a script reads it (`--json`); docs/audit.md describes every field.
public struct AuditReport: Codable, Hashable, Sendable {
    /// The layout of this object.
    public var version = 1
    /// `clean`, `note`, `warning` or `critical`: the worst finding that is not accepted.
    public var verdict: String
    /// By whose word: `chip` where count, ceiling and Name of each slot were signed over the auditor's challenge, else `vault`.
    public var basis: Basis
    public var endorsementName: String
    public var firmware: String
    /// Seconds since 1970.
    public var date: UInt64
    public var enrollments: Int
    public var liveEnrollments: Int
    /// How many slots fit, when that was measured.
    public var capacity: Int?
    /// Whether accounts are called by keyed hashes.
    public var pseudonyms: Bool
    public var findings: [Entry]

    public enum Basis: String, Codable, Hashable, Sendable {
        case vault, chip
    }

    /// One finding with all that is said of its kind.
    public struct Entry: Codable, Hashable, Sendable {
        public var id: String
        public var severity: Severity
        public var accepted: Bool
        public var object: Finding.Subject
        public var rule: String
        public var expected: String
        public var found: String
        public var why: String
        public var advice: String

        public init(_ finding: Finding) {
            let text = finding.kind.text
            id = finding.kind.id
            severity = text.severity
            accepted = finding.isAccepted
            object = finding.object
            rule = text.title
            expected = finding.expected
            found = finding.found
            why = text.why
            advice = text.advice
        }
    }

    public init(_ findings: [Finding], of evidence: VaultEvidence, basis: Basis) {
        verdict = findings.worst?.rawValue ?? "clean"
        self.basis = basis
        endorsementName = evidence.chip.endorsementArea?.name.description ?? ""
        firmware = evidence.chip.firmware
        date = evidence.header.date
        enrollments = evidence.enrollments.count
        liveEnrollments = evidence.enrollments.count { $0.state == "live" }
        capacity = evidence.chip.capacity
        pseudonyms = evidence.header.pseudonyms
        self.findings = findings.map(Entry.init)
    }
}

extension Severity {
    /// What a program exits with when this is the worst that it found; 0 is for nothing.
    public var exitCode: Int32 {
        switch self {
        case .note: 10
        case .warning: 11
        case .critical: 12
        }
    }
}
