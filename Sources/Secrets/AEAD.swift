import CSodium

/// XChaCha20-Poly1305 with a random nonce (draft-irtf-cfrg-xchacha §2; libsodium's `_ietf` construction).
public enum AEAD {
    /// The key's size in bytes.
    public static let keySize = 32
    /// The nonce's size in bytes; it stands before the ciphertext.
    public static let nonceSize = 24
    /// The tag's size in bytes; it stands after the ciphertext.
    public static let tagSize = 16
    /// What sealing adds to the size of a secret.
    public static let overhead = nonceSize + tagSize

    /// Encrypts `secret` under a key of 32 bytes: nonce (24) || ciphertext || tag (16).
    public static func seal(
        _ secret: borrowing SecretBytes, key: borrowing SecretBytes, associatedData: [UInt8]
    ) -> [UInt8] {
        let nonce = SecretBytes(random: nonceSize).withBytes { (bytes: Span<UInt8>) in bytes.indices.map { bytes[$0] } }
        return nonce + seal(secret, key: key, nonce: nonce, associatedData: associatedData)
    }

    /// Ciphertext and tag under a given nonce, which must never serve twice; for known answers only.
    static func seal(
        _ secret: borrowing SecretBytes, key: borrowing SecretBytes, nonce: [UInt8], associatedData: [UInt8]
    ) -> [UInt8] {
        precondition(key.count == keySize && nonce.count == nonceSize, "XChaCha20-Poly1305: wrong size of key or nonce")
        let size = secret.count
        var sealed = [UInt8](repeating: 0, count: size + tagSize)
        _ = unsafe secret.withPointer { secret in
            unsafe key.withPointer { key in
                unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
                    &sealed, nil, secret, UInt64(size), associatedData, UInt64(associatedData.count), nil, nonce, key)
            }
        }
        return sealed
    }

    /// Decrypts nonce || ciphertext || tag, or refuses it whole.
    public static func open(
        _ sealed: [UInt8], key: borrowing SecretBytes, associatedData: [UInt8]
    ) throws(AEADError) -> SecretBytes {
        precondition(key.count == keySize, "XChaCha20-Poly1305: wrong size of key")
        guard sealed.count >= overhead else { throw .notAuthentic }
        let nonce = Array(sealed[..<nonceSize])
        let ciphertext = Array(sealed[nonceSize...])
        var secret = SecretBytes(random: ciphertext.count - tagSize)
        let status = unsafe secret.withMutablePointer { secret in
            unsafe key.withPointer { key in
                unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
                    secret, nil, nil, ciphertext, UInt64(ciphertext.count),
                    associatedData, UInt64(associatedData.count), nonce, key)
            }
        }
        guard status == 0 else { throw .notAuthentic }
        return secret
    }
}

/// Why something sealed did not open. It spends no guess.
public enum AEADError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The key, the associated data or the bytes are not the ones of sealing.
    case notAuthentic

    public var description: String {
        "The key does not open this; use the key it was sealed with, or an undamaged copy."
    }
}
