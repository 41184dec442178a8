import Crypto
import Secrets
import TPM
import VaultAPI

/// What the chip hands out for the right password, and only to who has the key from that password.
struct BundleContents: ~Copyable, Sendable {
    /// 32 bytes.
    let backupKey: SecretBytes
    /// 32 bytes.
    let limitSeed: SecretBytes
    let generation: UInt32

    private static let version: UInt8 = 1
    private static let plainSize = 1 + 32 + 32 + 4

    init(backupKey: consuming SecretBytes, limitSeed: consuming SecretBytes, generation: UInt32) {
        precondition(backupKey.count == 32 && limitSeed.count == 32, "backup key and limit seed have 32 bytes")
        self.backupKey = backupKey
        self.limitSeed = limitSeed
        self.generation = generation
    }

    /// Encrypts: nonce 24 || ciphertext 69 || tag 16, 109 bytes.
    func encrypted(key: borrowing SecretBytes, context: [UInt8], endorsementName: Name) -> [UInt8] {
        let plain = SecretBytes(count: Self.plainSize) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            bytes.append([Self.version].span, at: &offset)
            backupKey.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
            limitSeed.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
            bytes.append(bigEndian(generation).span, at: &offset)
        }
        return AEAD.seal(plain, key: key, associatedData: context + endorsementName.bytes)
    }

    /// Decrypts what the chip unsealed.
    init(
        opening sealed: [UInt8], key: borrowing SecretBytes, context: [UInt8], endorsementName: Name,
        generation: UInt32
    ) throws(BundleFlaw) {
        guard sealed.count == BundleProfile.size else { throw .size(sealed.count) }
        let plain: SecretBytes
        do throws(AEADError) {
            plain = try AEAD.open(sealed, key: key, associatedData: context + endorsementName.bytes)
        } catch {
            throw .notAuthentic
        }
        let head = plain.slice(0..<1).published
        let tail = plain.slice(65..<69).published
        guard head == [Self.version] else { throw .version(head[0]) }
        guard tail == bigEndian(generation) else { throw .generation }
        backupKey = plain.slice(1..<33)
        limitSeed = plain.slice(33..<65)
        self.generation = generation
    }
}

/// The encrypted bundle as an object sealed to a vault's parent.
struct SealedBundle {
    let area: PublicArea
    let sealed: Sealed

    init(
        _ encrypted: [UInt8], openKey: P256Point, vault: TrustedVault
    ) throws(VaultClientError) {
        let seed = SecretBytes(random: 32)
        // What binds seed value and data to the public area: unique = H(seedValue || data).
        var hash = SHA256()
        seed.withBytes { (bytes: Span<UInt8>) in
            unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        }
        hash.update(data: encrypted)
        let unique = Array(hash.finalize())
        let area = try mapping(VaultClientError.Reason.profile) { () throws(ProfileError) in
            try BundleProfile.publicArea(openKey: openKey, authority: vault.authority, unique: unique)
        }
        self.area = area
        sealed = try mapping(VaultClientError.Reason.wire) { () throws(WireError) in
            try Sealed(
                Sensitive(sealedData: SecretBytes(copying: encrypted.span), seed: seed), of: area, to: vault.parent)
        }
    }
}

/// What is wrong with a bundle, although the password is right.
public enum BundleFlaw: Error, Equatable, Sendable, CustomStringConvertible {
    /// Its public area is not the profile's for this open key.
    case publicArea
    case size(Int)
    case notAuthentic
    case version(UInt8)
    case generation
    /// The keys that ride along do not open.
    case olderKeys

    public var description: String {
        let what =
            switch self {
            case .publicArea: "it is not this password's"
            case .size(let size): "it has \(size) bytes and not \(BundleProfile.size)"
            case .notAuthentic: "it is damaged"
            case .version(let version): "its version is \(version) and not 1"
            case .generation: "it is of another generation"
            case .olderKeys: "the older keys beside it are damaged"
            }
        return "The password is right, but what the vault keeps for it cannot be used (\(what)); ask its operator"
            + " for a copy of the store from before."
    }
}

extension SealedObject {
    init(_ area: PublicArea, _ sealed: Sealed) {
        self.init(
            publicArea: Bytes(area.tpm2b), duplicate: Bytes(sealed.duplicate),
            encryptedSeed: Bytes(sealed.encryptedSeed))
    }
}
