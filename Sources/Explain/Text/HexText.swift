import TPM

/// Hexadecimal digits and Names, as people write them.
enum HexText {
    /// An even number of hexadecimal digits, or `nil`.
    static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// A Name: the handle of a hierarchy in four bytes, or a hash that Tenpin knows and its digest.
    static func name(_ bytes: [UInt8]) -> Name? {
        guard bytes.count == 4 else { return try? Name(parsing: bytes) }
        return Name(Handle(bytes.reduce(0) { $0 << 8 | UInt32($1) }))
    }

    /// The words that the text form has for hierarchies.
    static let hierarchies: [(word: String, handle: Handle)] = [
        ("owner", .owner), ("endorsement", .endorsement), ("platform", .platform), ("lockout", .lockout),
        ("null", .null),
    ]

    /// A Name in hexadecimal digits, or a hierarchy's word.
    static func name(_ text: some StringProtocol) -> Name? {
        if let known = hierarchies.first(where: { $0.word == text }) { return Name(known.handle) }
        return bytes(text).flatMap(name)
    }
}
