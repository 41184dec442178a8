/// The freeform class of PRECIS (RFC 8264 §4.3): which characters a password may have.
enum FreeformClass {
    /// The version of Unicode whose repertoire passwords have.
    ///
    /// Pinned, because two devices with different data must agree: a character that one of them knows only as
    /// unassigned might normalize differently on the other, and its password would be lost.
    static let unicode = (major: 15, minor: 0)

    /// What the class says of a code point (RFC 8264 §8).
    enum Property: Equatable {
        case valid
        case contextJ
        case contextO
        case disallowed(PasswordError.Kind)
    }

    /// The first flaw of a text, or `nil` when the class has all of it.
    static func flaw(in text: borrowing CodePoints) -> PasswordError.Kind? {
        for index in 0..<text.count {
            switch property(of: text[index]) {
            case .valid: continue
            case .contextJ, .contextO:
                guard ContextRule.allows(index, in: text) else { return .outOfContext }
            case .disallowed(let kind): return kind
            }
        }
        return nil
    }

    /// The derived property of RFC 8264 §8, its rules in its order.
    ///
    /// HasCompat is left out: in this class it allows, and every code point that has a compatibility mapping is also in
    /// one of the categories that follow it.
    static func property(of scalar: Unicode.Scalar) -> Property {
        let properties = scalar.properties
        if let exception = exception(scalar) { return exception }
        if isUnassigned(properties) { return .disallowed(.unassigned) }
        if (0x21...0x7E).contains(scalar.value) { return .valid }
        if properties.isJoinControl { return .contextJ }
        if isOldHangulJamo(scalar) { return .disallowed(.oldHangulJamo) }
        if properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint {
            return .disallowed(.invisible)
        }
        switch properties.generalCategory {
        case .control:
            return .disallowed(.control)
        // LetterDigits, RFC 8264 §9.1
        case .lowercaseLetter, .uppercaseLetter, .otherLetter, .decimalNumber, .modifierLetter, .nonspacingMark,
            .spacingMark:
            return .valid
        // OtherLetterDigits, §9.18
        case .titlecaseLetter, .letterNumber, .otherNumber, .enclosingMark:
            return .valid
        // Spaces, §9.14
        case .spaceSeparator:
            return .valid
        // Symbols, §9.15
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol:
            return .valid
        // Punctuation, §9.16
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return .valid
        default:
            return .disallowed(.other)
        }
    }

    /// Exceptions of RFC 8264 §9.6, that is RFC 5892 §2.6.
    private static func exception(_ scalar: Unicode.Scalar) -> Property? {
        switch scalar.value {
        case 0x00DF, 0x03C2, 0x06FD, 0x06FE, 0x0F0B, 0x3007: .valid
        case 0x00B7, 0x0375, 0x05F3, 0x05F4, 0x30FB, 0x0660...0x0669, 0x06F0...0x06F9: .contextO
        case 0x0640, 0x07FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B: .disallowed(.other)
        default: nil
        }
    }

    /// Unassigned of RFC 8264 §9.10, in the pinned version.
    private static func isUnassigned(_ properties: Unicode.Scalar.Properties) -> Bool {
        guard !properties.isNoncharacterCodePoint else { return false }
        guard let age = properties.age else { return true }
        return (age.major, age.minor) > (unicode.major, unicode.minor)
    }

    /// OldHangulJamo of RFC 8264 §9.9: Hangul_Syllable_Type L, V or T.
    private static func isOldHangulJamo(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x11FF, 0xA960...0xA97C, 0xD7B0...0xD7C6, 0xD7CB...0xD7FB: true
        default: false
        }
    }
}
