/// Why a password is refused. None of these costs a guess, and none says anything about the password's contents.
public enum PasswordError: Error, Equatable, CustomStringConvertible {
    /// Nothing was typed.
    case empty
    /// More than `Password.maximumBytes` bytes of UTF-8 after preparation.
    case tooLong
    /// The bytes are not well-formed UTF-8 (Unicode 15.0, table 3-7).
    case notUTF8
    /// The freeform class of RFC 8264 §4.3 does not have some character of it.
    case disallowedCharacter(Kind)

    /// The kind of a refused character.
    public enum Kind: Sendable {
        /// A control character, a tab or a line end for instance (RFC 8264 §9.12).
        case control
        /// Not assigned in the version of Unicode that passwords are pinned to (RFC 8264 §9.10).
        case unassigned
        /// Ignorable or a noncharacter: nobody sees whether it is there (RFC 8264 §9.13).
        case invisible
        /// A conjoining jamo that does not compose to a syllable (RFC 8264 §9.9).
        case oldHangulJamo
        /// Allowed in some contexts only, and not in this one (RFC 5892 appendix A).
        case outOfContext
        /// Everything else the class leaves out: private use, separators, format characters, RFC 5892's exceptions.
        case other
    }

    public var description: String {
        switch self {
        case .empty: "The password is empty, type one; no guess was spent."
        case .tooLong:
            "The password has more than \(Password.maximumBytes) bytes, use a shorter one; no guess was spent."
        case .notUTF8: "The password is not text in UTF-8, check the terminal's encoding; no guess was spent."
        case .disallowedCharacter(let kind):
            "The password contains \(Self.name(of: kind)), use one without; no guess was spent."
        }
    }

    private static func name(of kind: Kind) -> String {
        switch kind {
        case .control: "a control character"
        case .unassigned: "a character newer than Unicode \(FreeformClass.unicode.major).\(FreeformClass.unicode.minor)"
        case .invisible: "an invisible character"
        case .oldHangulJamo: "a Hangul letter outside a syllable"
        case .outOfContext: "a character that is not allowed beside its neighbours"
        case .other: "a character that passwords may not have"
        }
    }
}
