/// How bad a finding is.
public enum Severity: String, Codable, Hashable, Sendable, CaseIterable, Comparable {
    /// Worth knowing; nobody gains a guess and nobody loses a key.
    case note
    /// Somebody could deny or destroy, or a protection is weaker than it should be.
    case warning
    /// More guesses than the limit are possible, a person's key is lost, or what was read contradicts itself.
    case critical

    public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }

    private var rank: Int {
        switch self {
        case .note: 0
        case .warning: 1
        case .critical: 2
        }
    }
}

/// One thing that is not as it should be.
public struct Finding: Hashable, Sendable {
    public let kind: FindingKind
    public let object: Subject
    /// What an honest vault shows, and what was found; parts of a sentence.
    public let expected: String
    public let found: String
    /// Whether the auditor said beforehand that this kind is no reason to fail.
    public var isAccepted = false

    public init(_ kind: FindingKind, _ object: Subject, expected: String, found: String) {
        self.kind = kind
        self.object = object
        self.expected = expected
        self.found = found
    }

    public var severity: Severity { kind.severity }

    /// What a finding is about.
    public struct Subject: Codable, Hashable, Sendable {
        /// What it is: `chip`, `slot`, `evaluation key`.
        public var name: String
        /// The account, or its pseudonym.
        public var account: String?
        /// The enrollment's id, lower-case hexadecimal digits.
        public var enrollment: String?
        /// Where it is on the chip, `0x` and eight digits.
        public var handle: String?

        public init(_ name: String, account: String? = nil, enrollment: String? = nil, handle: String? = nil) {
            self.name = name
            self.account = account
            self.enrollment = enrollment
            self.handle = handle
        }

        public static let chip = Subject("chip")
        public static let store = Subject("store")

        /// `slot 0x01800000 of alice`.
        public var sentence: String {
            name + (handle.map { " \($0)" } ?? "") + (account.map { " of \(printable($0))" } ?? "")
        }
    }
}

/// The text without anything that a terminal would obey.
///
/// The attack: 1. somebody enrolls an account whose name holds escape sequences; 2. the auditor's terminal shows the lines
/// above it as somebody likes.
public func printable(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map {
                switch $0.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: "?"
                default: $0
                }
            }))
}
