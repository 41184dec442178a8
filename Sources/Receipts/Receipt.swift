import TPM
import VaultAPI

/// A chip's signed word on count and ceiling of one slot at one moment, as a file that others can check.
///
/// The chip signs over the statement's hash, so that nothing in a receipt can be exchanged for something else afterwards.
public struct Receipt: Hashable, Sendable {
    /// What the receipt says beside the chip's own words.
    public let statement: ReceiptStatement
    /// Contents of TPM2B_ATTEST, as the chip gave them.
    public let attest: [UInt8]
    /// The attestation key's, over `attest`.
    public let signature: Signature
    /// The evaluation key's point where the statement names a recipe: by its Name, which the recipe has, and by its policy,
    /// which names the slot, the recipe is bound to the slot.
    public let evaluationKey: P256Point?
    /// What the chip found in the statement's challenge, 32 bytes, where there is one.
    public let answer: [UInt8]?

    /// A receipt from its parts; `nil` when evaluation key or answer are not there exactly where the statement calls for them.
    public init?(
        statement: ReceiptStatement, attest: [UInt8], signature: Signature, evaluationKey: P256Point?,
        answer: [UInt8]?
    ) {
        guard (statement.recipe == nil) == (evaluationKey == nil),
            statement.challenge == nil ? answer == nil : answer?.count == ReceiptChallenge.secretSize
        else { return nil }
        self.init(statement, attest, signature, evaluationKey, answer)
    }

    /// For who has read what the statement calls for.
    init(
        _ statement: ReceiptStatement, _ attest: [UInt8], _ signature: Signature, _ evaluationKey: P256Point?,
        _ answer: [UInt8]?
    ) {
        self.statement = statement
        self.attest = attest
        self.signature = signature
        self.evaluationKey = evaluationKey
        self.answer = answer
    }
}

/// What a receipt says beside the chip's own words.
public struct ReceiptStatement: Hashable, Sendable {
    /// The chip's identity.
    public var endorsementKey: PublicArea
    /// The endorsement certificate and further ones towards the root, DER.
    public let certificate: [UInt8]
    public let intermediates: [[UInt8]]
    /// The point of the key that signs; the rest of its public area is the profile's.
    public var attestationKey: P256Point
    /// The chip's largest hash: with endorsement key, handle and limit key it makes the slot's Name.
    public var authorityHash: HashAlgorithm
    public var slot: Handle
    public var limitKey: P256Point
    /// The enrollment, with its account, unless the person left it out.
    public var recipe: Recipe?
    /// Seconds since 1970, by the word of who asked for the receipt: a chip does not know the date.
    public var date: UInt64
    /// 32 random bytes.
    public let nonce: [UInt8]
    /// What the one who will check the receipt made, if anyone did.
    public var challenge: ReceiptChallenge?

    /// The largest certificate in bytes, and the most of them beside the endorsement certificate.
    static let largestCertificate = 16384
    static let mostIntermediates = 6

    /// Refuses more or larger certificates than a receipt holds: they come from the vault's program.
    public init(
        endorsementKey: PublicArea, certificate: [UInt8], intermediates: [[UInt8]], attestationKey: P256Point,
        authorityHash: HashAlgorithm, slot: Handle, limitKey: P256Point, recipe: Recipe?, date: UInt64,
        nonce: [UInt8], challenge: ReceiptChallenge?
    ) throws(ReceiptFlaw) {
        guard intermediates.count <= Self.mostIntermediates else {
            throw .malformed(.oversized(intermediates.count, limit: Self.mostIntermediates))
        }
        for size in ([certificate] + intermediates).map(\.count) where size > Self.largestCertificate {
            throw .malformed(.oversized(size, limit: Self.largestCertificate))
        }
        guard nonce.count == 32 else { throw .malformed(.oversized(nonce.count, limit: 32)) }
        self.endorsementKey = endorsementKey
        self.certificate = certificate
        self.intermediates = intermediates
        self.attestationKey = attestationKey
        self.authorityHash = authorityHash
        self.slot = slot
        self.limitKey = limitKey
        self.recipe = recipe
        self.date = date
        self.nonce = nonce
        self.challenge = challenge
    }

    /// What the chip signs as its caller's data, 32 bytes: everything above.
    ///
    /// The attack: 1. the operator asks for certificates at times of its choice; 2. shows one of before the guesses as one of
    /// today. Nonce and challenge are in here, so a receipt is not older than they are.
    public var qualifyingData: [UInt8] {
        HashAlgorithm.sha256.digest(labeled("tenpin-1 receipt"), bytes)
    }
}

/// Two bytes of length, and the text.
func labeled(_ text: String) -> [UInt8] { Writer.bytes { $0.sized(Array(text.utf8)) } }
