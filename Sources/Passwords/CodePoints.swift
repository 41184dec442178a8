import Secrets

/// The Unicode scalar values of a secret text, four bytes each in guarded memory.
struct CodePoints: ~Copyable {
    private var bytes: SecretBytes

    /// How many there are.
    var count: Int { bytes.count / 4 }

    /// Decodes UTF-8; overlong forms, surrogates and truncated sequences are refused.
    init(utf8: borrowing SecretBytes) throws(PasswordError) {
        bytes = try utf8.withBytes { (source: Span<UInt8>) throws(PasswordError) in
            guard let text = try? UTF8Span(validating: source) else { throw .notUTF8 }
            var count = 0
            for index in source.indices where source[index] & 0xC0 != 0x80 { count += 1 }
            return SecretBytes(count: 4 * count) { (target: inout MutableSpan<UInt8>) in
                var scalars = text.makeUnicodeScalarIterator()
                var offset = 0
                while let scalar = scalars.next() {
                    Self.store(scalar.value, in: &target, at: offset)
                    offset += 4
                }
            }
        }
    }

    subscript(index: Int) -> Unicode.Scalar {
        let value = bytes.withBytes { (bytes: Span<UInt8>) in
            (0..<4).reduce(UInt32(0)) { value, place in value << 8 | UInt32(bytes[4 * index + place]) }
        }
        // Only scalar values are stored.
        return Unicode.Scalar(value) ?? "\u{FFFD}"
    }

    /// Additional mapping of RFC 8265 §4.2.2: every other space (general category Zs) becomes U+0020.
    mutating func mapSpaces() {
        bytes = SecretBytes(count: bytes.count) { (target: inout MutableSpan<UInt8>) in
            for index in 0..<count {
                let scalar = self[index]
                let mapped = scalar.properties.generalCategory == .spaceSeparator ? " " : scalar
                Self.store(mapped.value, in: &target, at: 4 * index)
            }
        }
    }

    /// The same text in UTF-8.
    func utf8() -> SecretBytes {
        let size = (0..<count).reduce(0) { size, index in size + UTF8.width(self[index]) }
        return SecretBytes(count: size) { (target: inout MutableSpan<UInt8>) in
            var offset = 0
            for index in 0..<count {
                for unit in UTF8.encode(self[index]) ?? UTF8.encodedReplacementCharacter {
                    target[offset] = unit
                    offset += 1
                }
            }
        }
    }

    private static func store(_ value: UInt32, in target: inout MutableSpan<UInt8>, at offset: Int) {
        for place in 0..<4 { target[offset + place] = UInt8(truncatingIfNeeded: value >> (24 - 8 * place)) }
    }
}
