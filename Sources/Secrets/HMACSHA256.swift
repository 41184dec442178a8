import CSodium

/// HMAC with SHA-256 (RFC 2104), its key and its state in guarded memory.
public struct HMACSHA256: ~Copyable {
    /// The tag's size in bytes.
    public static let size = 32
    // The size is a multiple of 16, and so libsodium's allocation is aligned for the state's integers.
    private var state = SecretBytes(random: MemoryLayout<crypto_auth_hmacsha256_state>.size)

    /// Starts with a key of any size.
    public init(key: borrowing SecretBytes) {
        let size = key.count
        unsafe key.withPointer { key in
            unsafe withState { state in _ = unsafe crypto_auth_hmacsha256_init(state, key, size) }
        }
    }

    private init(publicKey key: [UInt8]) {
        unsafe withState { state in _ = unsafe crypto_auth_hmacsha256_init(state, key, key.count) }
    }

    /// Starts with a key that is no secret, as HKDF's salt.
    static func keyed(byPublic key: [UInt8]) -> HMACSHA256 { HMACSHA256(publicKey: key) }

    /// Takes in public bytes.
    public mutating func update(_ bytes: [UInt8]) {
        unsafe withState { state in _ = unsafe crypto_auth_hmacsha256_update(state, bytes, UInt64(bytes.count)) }
    }

    /// Takes in secret bytes.
    public mutating func update(_ bytes: borrowing SecretBytes) {
        let size = UInt64(bytes.count)
        unsafe bytes.withPointer { bytes in
            unsafe withState { state in _ = unsafe crypto_auth_hmacsha256_update(state, bytes, size) }
        }
    }

    /// The tag, 32 bytes, where the tag itself is a secret.
    public consuming func finish() -> SecretBytes {
        var tag = SecretBytes(random: Self.size)
        unsafe tag.withMutablePointer { tag in
            unsafe withState { state in _ = unsafe crypto_auth_hmacsha256_final(state, tag) }
        }
        return tag
    }

    /// The tag of a public message, which may be stored beside it.
    public static func tag(of message: [UInt8], key: borrowing SecretBytes) -> [UInt8] {
        var code = HMACSHA256(key: key)
        code.update(message)
        return code.finish().withBytes { (tag: Span<UInt8>) in tag.indices.map { tag[$0] } }
    }

    /// Whether `tag` is the tag of `message`, in a time that does not depend on where they differ.
    public static func isValid(_ tag: [UInt8], of message: [UInt8], key: borrowing SecretBytes) -> Bool {
        var code = HMACSHA256(key: key)
        code.update(message)
        return code.finish().isEqual(to: SecretBytes(copying: tag.span))
    }

    private mutating func withState(_ body: (UnsafeMutablePointer<crypto_auth_hmacsha256_state>) -> Void) {
        unsafe state.withMutablePointer { bytes in
            unsafe bytes.withMemoryRebound(to: crypto_auth_hmacsha256_state.self, capacity: 1, body)
        }
    }
}
