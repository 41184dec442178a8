import Secrets
import TPM

/// What somebody sends who wants to be shown that an attestation key is on the chip of an endorsement key: a credential
/// (TPM 2.0 Part 1 §24) and the hash of what it holds.
///
/// An endorsement key decrypts and signs nothing, so its chip can vouch for another key only by opening something that was
/// encrypted to it *and* to that key's Name. Whoever made the challenge is convinced by the answer, and whoever trusts them
/// to have made it properly: the secret at random, and for no one else's eyes. It is forgotten once the challenge is made,
/// and the hash recognizes it in the answer, so the challenge is all there is to keep, and it is no secret.
public struct ReceiptChallenge: Hashable, Sendable {
    /// The chip that it is for.
    public let endorsementName: Name
    /// The key that is to be on that chip.
    public let attestationName: Name
    public let credential: Credential
    /// SHA-256 of the secret behind a label, 32 bytes.
    public let commitment: [UInt8]

    static let secretSize = 32

    /// Makes a fresh challenge for the attestation key with this point, at the chip with this endorsement key.
    public init(endorsementKey: PublicArea, attestationKey: P256Point) throws(ReceiptFlaw) {
        let secret = SecretBytes(random: Self.secretSize)
        endorsementName = endorsementKey.name
        attestationName = AttestationProfile.publicArea(attestationKey).name
        do throws(WireError) {
            credential = try Credential(secret, for: attestationName, endorsementKey: endorsementKey)
        } catch {
            throw .malformed(error)
        }
        commitment = Self.commitment(to: secret.published)
    }

    /// Whether this is what the credential held.
    public func isAnswered(by answer: [UInt8]) -> Bool { Self.commitment(to: answer) == commitment }

    private static func commitment(to secret: [UInt8]) -> [UInt8] {
        HashAlgorithm.sha256.digest(labeled("tenpin-1 receipt answer"), secret)
    }
}

extension ReceiptChallenge {
    /// The largest file, in bytes.
    public static let maximumSize = 1024

    /// The file's contents: magic and version, both Names, blob and seed behind two size bytes each, the hash.
    public var file: [UInt8] { FileKind.challenge.magic + bytes }

    /// Takes a file apart.
    public init(file: [UInt8]) throws(ReceiptFlaw) {
        try FileKind.challenge.check(file)
        do throws(WireError) {
            guard file.count <= Self.maximumSize else { throw .oversized(file.count, limit: Self.maximumSize) }
            self = try Reader.parse(file.dropFirst(FileKind.challenge.magic.count)) {
                (reader: inout Reader) throws(WireError) in try ReceiptChallenge(&reader)
            }
        } catch {
            throw .malformedChallenge(error)
        }
    }

    var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.sized(endorsementName.bytes)
            writer.sized(attestationName.bytes)
            writer.sized(credential.blob)
            writer.sized(credential.encryptedSeed)
            writer.raw(commitment)
        }
    }

    init(_ reader: inout Reader) throws(WireError) {
        endorsementName = try Name(parsing: try reader.sized(limit: 66))
        attestationName = try Name(parsing: try reader.sized(limit: 66))
        credential = Credential(
            blob: try reader.sized(limit: 132), encryptedSeed: try reader.sized(limit: 512))
        commitment = try reader.raw(32)
    }
}
