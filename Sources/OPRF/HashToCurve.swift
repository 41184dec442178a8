import Secrets

/// `P256_XMD:SHA-256_SSWU_RO_` of RFC 9380 §8.2.
enum HashToCurve {
    /// hash_to_curve of RFC 9380 §3. The point depends on the message and is as secret as that.
    static func hash(
        _ message: borrowing SecretBytes, tag: [UInt8], on curve: borrowing Curve
    ) throws(OPRFError) -> Point {
        let map = try SimplifiedSWU.make()
        return try expandMessage(message, tag: tag, count: 96).withBytes { (uniform: Span<UInt8>) throws(OPRFError) in
            try curve.sum(
                map.point(mapping: uniform.extracting(0..<48), on: curve),
                map.point(mapping: uniform.extracting(48..<96), on: curve))
        }
    }

    /// expand_message_xmd of RFC 9380 §5.3.1 with SHA-256, giving `count` bytes (1 to 8160).
    static func expandMessage(
        _ message: borrowing SecretBytes, tag: [UInt8], count: Int
    ) throws(OPRFError) -> SecretBytes {
        precondition((1...255 * 32).contains(count), "expand_message_xmd gives 1 to 8160 bytes")
        let tagPrime = try suffix(tag)
        let b0 = try SHA256.digest { (hash) throws(OPRFError) in
            try hash.add([UInt8](repeating: 0, count: 64))
            try hash.add(message)
            try hash.add(twoBytes(count) + [0])
            try hash.add(tagPrime)
        }
        var block = try SHA256.digest { (hash) throws(OPRFError) in
            try hash.add(b0)
            try hash.add([1])
            try hash.add(tagPrime)
        }
        return try SecretBytes(count: count) { (output: inout MutableSpan<UInt8>) throws(OPRFError) in
            for index in 0..<count {
                if index > 0, index.isMultiple(of: 32) {
                    let mixed = exclusiveOr(b0, block)
                    block = try SHA256.digest { (hash) throws(OPRFError) in
                        try hash.add(mixed)
                        try hash.add([UInt8(index / 32 + 1)])
                        try hash.add(tagPrime)
                    }
                }
                output[index] = block.withBytes { (bytes: Span<UInt8>) in bytes[index % 32] }
            }
        }
    }

    /// DST_prime; a tag above 255 bytes is hashed first (RFC 9380 §5.3.3).
    private static func suffix(_ tag: [UInt8]) throws(OPRFError) -> [UInt8] {
        guard tag.count > 255 else { return tag + [UInt8(tag.count)] }
        let short = try SHA256.digest { (hash) throws(OPRFError) in
            try hash.add(Array("H2C-OVERSIZE-DST-".utf8) + tag)
        }
        return short.published() + [32]
    }

    private static func exclusiveOr(_ left: borrowing SecretBytes, _ right: borrowing SecretBytes) -> SecretBytes {
        SecretBytes(count: left.count) { (bytes: inout MutableSpan<UInt8>) in
            left.withBytes { (left: Span<UInt8>) in
                right.withBytes { (right: Span<UInt8>) in
                    for index in left.indices { bytes[index] = left[index] ^ right[index] }
                }
            }
        }
    }
}
