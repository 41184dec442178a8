import Crypto
import Secrets
import TPM
import VaultAPI

/// Whom devices enroll and recover here: everything that crosses the socket and that the chip is asked is a person's, but the
/// keys are drawn at random instead of from a password, so that no Argon2id stands between two calls.
struct Person: Sendable {
    let account: Account
    let enrollment: EnrollmentID
    let slot: SlotProfile
    let evaluationArea: PublicArea
    let bundleArea: PublicArea
    let bundle: [UInt8]
    private let evaluationKey: P256.KeyAgreement.PrivateKey
    private let limitKey: P256.Signing.PrivateKey
    private let openKey: P256.Signing.PrivateKey
    private let bundleSeed: [UInt8]

    static let limit: UInt32 = 1000

    init(_ name: String, slot handle: Handle, enrollment: EnrollmentID, at vault: KnownVault) throws {
        account = try Account(name)
        self.enrollment = enrollment
        evaluationKey = P256.KeyAgreement.PrivateKey()
        limitKey = Self.signingKey(vault.authority)
        openKey = Self.signingKey(vault.authority)
        slot = try SlotProfile(handle: handle, authority: vault.authority, limitKey: Self.point(limitKey.publicKey))
        evaluationArea = EvaluationKeyProfile.publicArea(
            try P256Point(sec1: Array(evaluationKey.publicKey.compressedRepresentation)), slot: slot)
        bundle = SecretBytes(random: BundleProfile.size).published
        bundleSeed = SecretBytes(random: 32).published
        // What binds seed value and data to the public area.
        let unique = Array(SHA256.hash(data: bundleSeed + bundle))
        bundleArea = try BundleProfile.publicArea(
            openKey: Self.point(openKey.publicKey), authority: vault.authority, unique: unique)
    }

    /// A key whose Name is none of the few that are not used.
    private static func signingKey(_ authority: AuthorityProfile) -> P256.Signing.PrivateKey {
        while true {
            let key = P256.Signing.PrivateKey()
            if let point = try? point(key.publicKey), (try? authority.name(of: point)) != nil { return key }
        }
    }

    static func point(_ key: P256.Signing.PublicKey) throws -> P256Point {
        try P256Point(sec1: Array(key.compressedRepresentation))
    }

    /// The limit key as the chip shall see it.
    var limitArea: PublicArea { slot.authority.publicArea(slot.limitKey) }
    /// The open key as the chip shall see it.
    var openArea: PublicArea {
        get throws { slot.authority.publicArea(try Self.point(openKey.publicKey)) }
    }

    func sealedEvaluationKey(to parent: PublicArea) throws -> Sealed {
        let scalar = SecretBytes(copying: Array(evaluationKey.rawRepresentation).span)
        return try Sealed(Sensitive(privateKey: scalar), of: evaluationArea, to: parent)
    }

    func sealedBundle(to parent: PublicArea) throws -> Sealed {
        try Sealed(
            Sensitive(
                sealedData: SecretBytes(copying: bundle.span), seed: SecretBytes(copying: bundleSeed.span)),
            of: bundleArea, to: parent)
    }

    /// A point that was never evaluated before.
    static func blinded() throws -> P256Point {
        try P256Point(sec1: Array(P256.KeyAgreement.PrivateKey().publicKey.compressedRepresentation))
    }

    /// Whether `evaluated` is the product of `blinded` and the evaluation key.
    func isRight(_ evaluated: P256Point, for blinded: P256Point) throws -> Bool {
        let product = try evaluationKey.sharedSecretFromKeyAgreement(
            with: P256.KeyAgreement.PublicKey(x963Representation: blinded.x963))
        return product.withUnsafeBytes { Array($0) } == evaluated.x
    }

    /// The limit key's signature.
    func sign(
        _ write: SlotProfile.Write, nonceTPM: [UInt8]
    ) throws -> (act: SignedAct, signature: Signature) {
        try Self.sign(try SignedAct(write, of: slot, nonceTPM: nonceTPM), limitKey)
    }

    /// The open key's signature.
    func signOpening(nonceTPM: [UInt8]) throws -> (act: SignedAct, signature: Signature) {
        try Self.sign(
            try SignedAct(openingBundle: bundleArea, authority: slot.authority, nonceTPM: nonceTPM), openKey)
    }

    private static func sign(
        _ act: SignedAct, _ key: P256.Signing.PrivateKey
    ) throws -> (act: SignedAct, signature: Signature) {
        let signature = try key.signature(for: SHA256.hash(data: act.message))
        return (act, try Signature(p1363: Array(signature.rawRepresentation)))
    }
}

/// What a vault says of itself. Here it is believed.
struct KnownVault: Sendable {
    let endorsementKey: PublicArea
    let parent: PublicArea
    let authority: AuthorityProfile

    init(_ claim: Describe.Reply) throws {
        endorsementKey = try PublicArea(tpm2b: claim.endorsementKey.bytes)
        parent = try PublicArea(tpm2b: claim.parent.bytes)
        // What libtpms states, and what the proofs of a device would show.
        authority = try AuthorityProfile(largestDigest: 64, endorsementName: endorsementKey.name)
    }
}
