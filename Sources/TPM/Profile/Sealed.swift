import Crypto
import Secrets

/// An object sealed to a vault's parent: what TPM2_Import takes in, and nothing else opens.
/// TPM 2.0 Part 1 §23.3.2 (outer wrapper) with a seed by one-pass ECDH.
public struct Sealed: Hashable, Sendable {
    /// The contents of TPM2B_PRIVATE: outer HMAC, then the encrypted sensitive area.
    public let duplicate: [UInt8]
    /// The contents of TPM2B_ENCRYPTED_SECRET: the ephemeral point.
    public let encryptedSeed: [UInt8]

    public init(duplicate: [UInt8], encryptedSeed: [UInt8]) {
        self.duplicate = duplicate
        self.encryptedSeed = encryptedSeed
    }

    /// Seals `sensitive`, the secret part of `area`, to `parent`, a P-256 storage key with AES-128-CFB and SHA-256.
    public init(_ sensitive: borrowing Sensitive, of area: PublicArea, to parent: PublicArea) throws(WireError) {
        guard case .ecc(.p256, .aes128, _, let x, let y) = parent.body, parent.nameAlgorithm == .sha256 else {
            throw .unexpected("the parent's curve, cipher or hash", value: UInt32(parent.nameAlgorithm.rawValue))
        }
        let ephemeral = try EphemeralSecret(for: .p256, x: x, y: y, hash: .sha256, label: "DUPLICATE")
        duplicate = try Self.wrap(sensitive, of: area, seed: ephemeral.secret)
        encryptedSeed = ephemeral.point
    }

    /// The deterministic part: encrypts and authenticates under keys from `seed` and the object's Name.
    package static func wrap(
        _ sensitive: borrowing Sensitive, of area: PublicArea, seed: borrowing SecretBytes
    ) throws(WireError) -> [UInt8] {
        let name = area.name.bytes
        let storage = KDF.a(.sha256, key: seed, label: "STORAGE", contextU: name, contextV: [], bits: 128)
        let integrity = KDF.a(.sha256, key: seed, label: "INTEGRITY", contextU: [], contextV: [], bits: 256)
        let cipher = try AESCFB.encrypt(sensitive.tpm2b, key: storage, iv: [UInt8](repeating: 0, count: 16))
        let outer = HashAlgorithm.sha256.hmac(integrity.symmetricKey, cipher + name)
        return Writer.bytes { writer in
            writer.sized(outer.published)
            writer.raw(cipher)
        }
    }
}
