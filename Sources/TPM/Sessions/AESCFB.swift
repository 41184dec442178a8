import CryptoExtras
import Crypto
import Foundation
import Secrets

/// AES-128 in CFB mode with full-block feedback, the TPM's parameter and object encryption. TPM 2.0 Part 1 §11.4.4.
enum AESCFB {
    /// Encrypts a secret of any length; `iv` has 16 bytes.
    static func encrypt(
        _ plain: borrowing SecretBytes, key: borrowing SecretBytes, iv: [UInt8]
    ) throws(WireError) -> [UInt8] {
        let symmetric = key.symmetricKey
        do {
            let nonce = try AES._CFB.IV(ivBytes: iv)
            return try plain.withBytes { (bytes: Span<UInt8>) throws in
                try unsafe bytes.withUnsafeBytes { unsafe Array(try AES._CFB.encrypt($0, using: symmetric, iv: nonce)) }
            }
        } catch {
            throw .unexpected("the AES-CFB key or vector", value: UInt32(iv.count))
        }
    }

    /// Decrypts; the result is not authenticated by this.
    static func decrypt(_ cipher: [UInt8], key: borrowing SecretBytes, iv: [UInt8]) throws(WireError) -> [UInt8] {
        do {
            return Array(try AES._CFB.decrypt(cipher, using: key.symmetricKey, iv: try AES._CFB.IV(ivBytes: iv)))
        } catch {
            throw .unexpected("the AES-CFB key or vector", value: UInt32(iv.count))
        }
    }
}
