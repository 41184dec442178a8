import CLibCrypto
import Secrets

/// SHA-256 whose state OpenSSL wipes and whose digest goes straight into a `SecretBytes`.
@safe struct SHA256: ~Copyable {
    private let context: OpaquePointer

    private init(context: OpaquePointer) { unsafe self.context = context }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// The digest of what `body` adds.
    static func digest(
        _ body: (borrowing SHA256) throws(OPRFError) -> Void
    ) throws(OPRFError) -> SecretBytes {
        let hash = unsafe SHA256(context: try check(EVP_MD_CTX_new(), "EVP_MD_CTX_new"))
        unsafe try check(EVP_DigestInit_ex(hash.context, EVP_sha256(), nil), "EVP_DigestInit_ex")
        try body(hash)
        return try SecretBytes(count: 32) { (bytes: inout MutableSpan<UInt8>) throws(OPRFError) in
            let result = unsafe bytes.withUnsafeMutableBytes { raw in
                unsafe EVP_DigestFinal_ex(
                    hash.context, raw.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
            }
            try check(result, "EVP_DigestFinal_ex")
        }
    }

    /// Adds secret bytes.
    func add(_ secret: borrowing SecretBytes) throws(OPRFError) {
        try secret.withBytes { (bytes: Span<UInt8>) throws(OPRFError) in try add(bytes) }
    }

    /// Adds public bytes.
    func add(_ bytes: [UInt8]) throws(OPRFError) { try add(bytes.span) }

    private func add(_ bytes: Span<UInt8>) throws(OPRFError) {
        let result = unsafe bytes.withUnsafeBufferPointer { raw in
            unsafe EVP_DigestUpdate(context, raw.baseAddress, raw.count)
        }
        try check(result, "EVP_DigestUpdate")
    }
}

/// I2OSP(value, 2) of RFC 8017 §4.1.
func twoBytes(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
