import Crypto
import Secrets

/// A secret for the chip that holds an endorsement key *and* the object with a given Name: TPM2_MakeCredential, which needs
/// no chip. Only TPM2_ActivateCredential answers the secret, and only with both at hand. TPM 2.0 Part 1 §24.
public struct Credential: Hashable, Sendable {
    /// The contents of TPM2B_ID_OBJECT: HMAC, then the encrypted secret; at most 132 bytes.
    public let blob: [UInt8]
    /// The contents of TPM2B_ENCRYPTED_SECRET; at most 512 bytes.
    public let encryptedSeed: [UInt8]

    public init(blob: [UInt8], encryptedSeed: [UInt8]) {
        self.blob = blob
        self.encryptedSeed = encryptedSeed
    }

    /// Hides `secret`, at most as many bytes as `endorsementKey`'s nameAlg has.
    public init(_ secret: borrowing SecretBytes, for object: Name, endorsementKey: PublicArea) throws(WireError) {
        let seed = try Salt(for: endorsementKey, label: "IDENTITY")
        guard secret.count <= endorsementKey.nameAlgorithm.size else {
            throw .oversized(secret.count, limit: endorsementKey.nameAlgorithm.size)
        }
        blob = try Self.wrap(secret, for: object, endorsementKey: endorsementKey, seed: seed.secret)
        encryptedSeed = seed.encrypted
    }

    /// Encrypts and authenticates under keys from `seed` and the object's Name.
    private static func wrap(
        _ secret: borrowing SecretBytes, for object: Name, endorsementKey: PublicArea, seed: borrowing SecretBytes
    ) throws(WireError) -> [UInt8] {
        let (hash, name) = (endorsementKey.nameAlgorithm, object.bytes)
        guard let cipher = endorsementKey.cipher else {
            throw .unexpected("the endorsement key's cipher", value: 0x0010)
        }
        let storage = KDF.a(
            hash, key: seed, label: "STORAGE", contextU: name, contextV: [], bits: Int(cipher.rawValue))
        let integrity = KDF.a(hash, key: seed, label: "INTEGRITY", contextU: [], contextV: [], bits: hash.size * 8)
        let size = Writer.bytes { $0.integer(UInt16(secret.count)) }
        let sized = SecretBytes(count: 2 + secret.count) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            bytes.append(size.span, at: &offset)
            secret.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
        }
        let identity = try AESCFB.encrypt(sized, key: storage, iv: [UInt8](repeating: 0, count: 16))
        let outer = hash.hmac(integrity.symmetricKey, identity + name)
        return Writer.bytes { writer in
            writer.sized(outer.published)
            writer.raw(identity)
        }
    }
}

extension PublicArea {
    /// A storage key's symmetric cipher.
    fileprivate var cipher: AES? {
        switch body {
        case .ecc(_, let symmetric, _, _, _), .rsa(_, let symmetric, _, _): symmetric
        case .sealed: nil
        }
    }
}
