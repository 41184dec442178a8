import TPM

/// A place in FAPI's JSON: reads values in the forms that tpm2-tss takes, and names the place where one is wrong.
struct FAPIField {
    let value: JSONValue
    let place: String

    func wrong(_ what: String) -> ExplainError { .json(place, what) }

    /// The field of this name, which must be there.
    func field(_ name: String) throws(ExplainError) -> FAPIField {
        guard let field = optional(name) else { throw wrong("\(name) is missing") }
        return field
    }

    func optional(_ name: String) -> FAPIField? {
        value[name].map { FAPIField(value: $0, place: place.isEmpty ? name : "\(place).\(name)") }
    }

    func elements() throws(ExplainError) -> [FAPIField] {
        guard let array = value.array else { throw wrong("an array is expected") }
        return array.enumerated().map { FAPIField(value: $0.element, place: "\(place)[\($0.offset)]") }
    }

    func text() throws(ExplainError) -> String {
        guard let text = value.string else { throw wrong("a string is expected") }
        return text
    }

    /// Hexadecimal digits, or an array of numbers.
    func bytes() throws(ExplainError) -> [UInt8] {
        if let text = value.string, let bytes = HexText.bytes(text.hasPrefix("0x") ? text.dropFirst(2) : text[...]) {
            return bytes
        }
        guard let array = value.array else { throw wrong("hexadecimal digits are expected") }
        let bytes = array.map { $0.integer.flatMap { UInt8(exactly: $0) } }
        guard !bytes.contains(nil) else { throw wrong("bytes are expected") }
        return bytes.compactMap(\.self)
    }

    /// The bytes of a field that may be missing.
    func bytes(_ name: String) throws(ExplainError) -> [UInt8] { try optional(name)?.bytes() ?? [] }

    func integer<I: FixedWidthInteger>(_: I.Type = I.self) throws(ExplainError) -> I {
        guard let number = value.integer, let integer = I(exactly: number) else { throw wrong("a number is expected") }
        return integer
    }

    func name() throws(ExplainError) -> Name {
        guard let name = HexText.name(try bytes()) else { throw wrong("this is no Name of a hash that is known here") }
        return name
    }

    /// `YES` or `NO`, or a number.
    func flag() throws(ExplainError) -> Bool {
        switch value {
        case .bool(let flag): return flag
        case .string(let text) where ["yes", "tpm2_yes"].contains(text.lowercased()): return true
        case .string(let text) where ["no", "tpm2_no"].contains(text.lowercased()): return false
        default:
            guard let number = value.integer, number == 0 || number == 1 else { throw wrong("YES or NO is expected") }
            return number == 1
        }
    }

    /// A constant of the standard: its word in `words`, in any case and behind any of the prefixes that FAPI takes, or its number.
    func constant<I: FixedWidthInteger>(_ words: [(String, I)], _ what: String) throws(ExplainError) -> I {
        if let number = value.integer {
            guard let constant = I(exactly: number) else { throw wrong("\(what) is expected") }
            return constant
        }
        let word = Self.bare(try text())
        guard let match = words.first(where: { Self.bare($0.0) == word }) else { throw wrong("\(what) is expected") }
        return match.1
    }

    /// Flags of a bit field: a number, an array of words, or an object with 0 and 1.
    func flags(_ words: [(String, UInt32)]) throws(ExplainError) -> UInt32 {
        if value.integer != nil { return try integer() }
        if case .array = value {
            var bits: UInt32 = 0
            for element in try elements() { bits |= try element.constant(words, "the name of a flag") }
            return bits
        }
        guard case .object(let fields) = value else { throw wrong("flags are expected") }
        var bits: UInt32 = 0
        for name in fields.keys.sorted() {
            guard let word = words.first(where: { Self.bare($0.0) == Self.bare(name) }) else {
                // An index's type stands among its flags. Another one that is left out would give another digest.
                guard name == "TPM2_NT" || fields[name]?.integer == 0 else {
                    throw wrong("\(name) is no flag that is known")
                }
                continue
            }
            if try field(name).flag() { bits |= word.1 }
        }
        return bits
    }

    /// In small letters, without the prefixes that stand for the kind of constant.
    static func bare(_ word: String) -> String {
        let word = word.lowercased()
        for prefix in ["tpm2_alg_", "tpm2_cc_", "tpm2_eo_", "tpm2_ecc_", "tpm2_", "tpm_", "tpma_", "ecc_"]
        where word.hasPrefix(prefix) { return String(word.dropFirst(prefix.count)) }
        return word
    }
}

/// The words of FAPI's JSON for the standard's constants.
enum FAPIWords {
    static let algorithms: [(String, UInt16)] = [
        ("RSA", 0x0001), ("SHA1", 0x0004), ("HMAC", 0x0005), ("AES", 0x0006), ("KEYEDHASH", 0x0008), ("XOR", 0x000A),
        ("SHA256", 0x000B), ("SHA384", 0x000C), ("SHA512", 0x000D), ("NULL", 0x0010), ("SM3_256", 0x0012),
        ("RSASSA", 0x0014), ("RSAES", 0x0015), ("RSAPSS", 0x0016), ("OAEP", 0x0017), ("ECDSA", 0x0018),
        ("ECDH", 0x0019), ("ECDAA", 0x001A), ("SM2", 0x001B), ("ECSCHNORR", 0x001C), ("KDF1_SP800_56A", 0x0020),
        ("KDF1_SP800_108", 0x0022), ("ECC", 0x0023), ("SYMCIPHER", 0x0025), ("CAMELLIA", 0x0026), ("CTR", 0x0040),
        ("OFB", 0x0041), ("CBC", 0x0042), ("CFB", 0x0043), ("ECB", 0x0044),
    ]
    static let curves: [(String, UInt16)] = [
        ("NIST_P192", 1), ("NIST_P224", 2), ("NIST_P256", 3), ("NIST_P384", 4), ("NIST_P521", 5), ("BN_P256", 0x10),
        ("BN_P638", 0x11), ("SM2_P256", 0x20),
    ]
    static let comparisons: [(String, UInt16)] = [
        ("EQ", 0), ("NEQ", 1), ("SIGNED_GT", 2), ("UNSIGNED_GT", 3), ("SIGNED_LT", 4), ("UNSIGNED_LT", 5),
        ("SIGNED_GE", 6), ("UNSIGNED_GE", 7), ("SIGNED_LE", 8), ("UNSIGNED_LE", 9), ("BITSET", 10), ("BITCLEAR", 11),
    ]
    static let localities: [(String, UInt32)] = [("ZERO", 1), ("ONE", 2), ("TWO", 4), ("THREE", 8), ("FOUR", 16)]
    static let objectAttributes = ObjectAttributes(rawValue: .max).names.map { name in
        (name, ObjectAttributes.bit(name))
    }
    static let indexAttributes = NVAttributes(rawValue: .max).names.map { name in (name, NVAttributes.bit(name)) }
    static let indexTypes: [(String, UInt32)] = [
        ("ORDINARY", 0), ("COUNTER", 1), ("BITS", 2), ("EXTEND", 4), ("PIN_FAIL", 8), ("PIN_PASS", 9),
    ]

    static func word<I: Equatable>(_ value: I, _ words: [(String, I)]) -> String? { words.first { $0.1 == value }?.0 }
}

extension ObjectAttributes {
    static func bit(_ name: String) -> UInt32 {
        (0..<32).map { UInt32(1) << $0 }.first { ObjectAttributes(rawValue: $0).names == [name] } ?? 0
    }
}

extension NVAttributes {
    static func bit(_ name: String) -> UInt32 {
        (0..<32).map { UInt32(1) << $0 }.first { NVAttributes(rawValue: $0).names == [name] } ?? 0
    }
}
