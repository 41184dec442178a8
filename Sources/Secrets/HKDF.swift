/// HKDF with SHA-256 (RFC 5869).
///
/// Written out over libsodium's HMAC because its values then never leave guarded memory; libraries that hand a
/// pseudorandom key around as a plain value leave copies of it on the stack.
public enum HKDF {
    /// The most bytes one expansion gives: 255 blocks of the hash.
    public static let maximumOutput = 255 * HMACSHA256.size

    /// RFC 5869 §2.2: a pseudorandom key of 32 bytes. An empty salt stands for 32 zeros.
    public static func extract(salt: [UInt8], secret: borrowing SecretBytes) -> SecretBytes {
        var code = HMACSHA256.keyed(byPublic: salt)
        code.update(secret)
        return code.finish()
    }

    /// RFC 5869 §2.3: `count` bytes, at most 255 · 32, from a pseudorandom key and a label.
    public static func expand(_ key: borrowing SecretBytes, info: [UInt8], count: Int) -> SecretBytes {
        precondition((1...maximumOutput).contains(count), "HKDF gives 1 to \(maximumOutput) bytes")
        return SecretBytes(count: count) { (output: inout MutableSpan<UInt8>) in
            var block = SecretBytes(count: 0) { _ in }
            var written = 0
            var counter: UInt8 = 0
            while written < count {
                counter += 1
                var code = HMACSHA256(key: key)
                code.update(block)
                code.update(info + [counter])
                block = code.finish()
                block.withBytes { (bytes: Span<UInt8>) in
                    for index in 0..<min(bytes.count, count - written) { output[written + index] = bytes[index] }
                }
                written += min(HMACSHA256.size, count - written)
            }
        }
    }

    /// Both steps in one.
    public static func derive(
        from secret: borrowing SecretBytes, salt: [UInt8] = [], info: [UInt8], count: Int = HMACSHA256.size
    ) -> SecretBytes {
        expand(extract(salt: salt, secret: secret), info: info, count: count)
    }
}
