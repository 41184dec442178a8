import Crypto
import OPRF
import Secrets
import TPM
import TPMDevice
import Testing

/// A device with one enrollment on a chip, and the courier between them, in whose hands are all of the chip's authorizations.
final class EnrolledChip {
    let courier: Courier
    let endorsement: Endorsement
    let authority: AuthorityProfile
    let parent: Command.Entity
    let parentArea: PublicArea
    let slot: SlotProfile

    // What the device keeps.
    let limitKey: P256.Signing.PrivateKey
    let openKey: P256.Signing.PrivateKey
    let bundleContent: [UInt8]
    private let evaluationScalar: Scalar

    // What crossed the wire, and what the chip made of it.
    let evaluationKey: Blob
    let bundle: Blob

    var chip: Chip { courier.chip }
    /// The slot as the chip names it once it is written.
    var written: Command.Entity { slot.entity(written: true) }
    var unwritten: Command.Entity { slot.entity(written: false) }
    var evaluationPolicy: Policy { EvaluationKeyProfile.policy(slot: slot) }

    /// An object under the parent: as it was sealed, and as the chip keeps it.
    struct Blob {
        let area: PublicArea
        let sealed: Sealed
        let `private`: [UInt8]
    }

    /// Whether the parent is kept by the chip or made for this enrollment.
    enum ParentKind { case persistent, transient }
    static let persistentParent = Handle(0x8101_2000)

    /// Everything but the first write.
    init(
        _ courier: Courier, parent kind: ParentKind, endorsement: Endorsement,
        slot handle: Handle = Handle(0x0188_0000)
    ) throws {
        self.courier = courier
        self.endorsement = endorsement
        let chip = courier.chip

        // The device believes what its own session says.
        let describing = try CarriedSession(.hmac, to: endorsement, courier)
        var answer = Reader(
            try describing.run(.createPrimary(ParentProfile.template, in: .owner), after: [chip.owner]))
        parentArea = try PublicArea(tpm2b: &answer)
        try #require(ParentProfile.accepts(parentArea))
        authority = try AuthorityProfile(
            largestDigest: Int(Self.largestDigest(describing)), endorsementName: endorsement.area.name)
        try chip.flush(describing.handle)
        let made = try courier.held().filter { $0 != describing.handle && $0 != endorsement.handle }
        try #require(made.count == 1)
        let transient = Command.Entity(made[0], parentArea.name)
        switch kind {
        case .transient: parent = transient
        case .persistent:
            try chip.run(.evictControl(transient, persistent: Self.persistentParent), authorizedBy: chip.owner)
            try chip.flush(transient.handle)
            parent = .init(Self.persistentParent, parentArea.name)
        }

        limitKey = Self.signingKey(for: authority)
        openKey = Self.signingKey(for: authority)
        slot = try SlotProfile(handle: handle, authority: authority, limitKey: P256Point(limitKey.publicKey))
        try chip.run(.nvDefineSpace(slot.publicArea(written: false)), authorizedBy: chip.owner)

        evaluationScalar = .random()
        let point = try evaluationScalar.publicKey()
        evaluationKey = try Self.take(
            EvaluationKeyProfile.publicArea(try P256Point(x: point.x, y: point.y), slot: slot),
            Sensitive(privateKey: evaluationScalar.bigEndian), under: parent, parentArea, chip)

        let content = (0..<BundleProfile.size).map { _ in UInt8.random(in: 0...255) }
        let seed = (0..<32).map { _ in UInt8.random(in: 0...255) }
        bundleContent = content
        bundle = try Self.take(
            BundleProfile.publicArea(
                openKey: P256Point(openKey.publicKey), authority: authority,
                unique: HashAlgorithm.sha256.digest(seed, content)),
            Sensitive(
                sealedData: SecretBytes(copying: content.span), seed: SecretBytes(copying: seed.span)),
            under: parent, parentArea, chip)
    }

    private static func largestDigest(_ session: CarriedSession) throws -> UInt32 {
        // TPM_PT_MAX_DIGEST
        let answer = try session.run(.getCapability(.properties, from: 0x120, count: 1))
        var reader = Reader(answer.suffix(8))
        try #require(try reader.integer(UInt32.self) == 0x120)
        return try reader.integer()
    }

    /// One whose Name the profile takes.
    private static func signingKey(for authority: AuthorityProfile) -> P256.Signing.PrivateKey {
        while true {
            let key = P256.Signing.PrivateKey()
            if (try? authority.name(of: P256Point(key.publicKey))) != nil { return key }
        }
    }

    private static func take(
        _ area: PublicArea, _ sensitive: borrowing Sensitive, under parent: Command.Entity, _ parentArea: PublicArea,
        _ chip: Chip
    ) throws -> Blob {
        let sealed = try Sealed(sensitive, of: area, to: parentArea)
        return Blob(area: area, sealed: sealed, private: try chip.take(sealed, of: area, under: parent))
    }

    // MARK: the courier's everyday

    /// One counted evaluation; throws the chip's refusal.
    @discardableResult
    func evaluate(_ point: P256Point = .someone) throws(ChipError) -> P256Point {
        let chip = chip
        return try chip.withLoaded(evaluationKey.area, private: evaluationKey.private, under: parent) {
            (key) throws(ChipError) in
            let response = try chip.withPolicy(evaluationPolicy, for: .ecdhZGen, evidence: .spending(written)) {
                (authorization) throws(ChipError) in
                try chip.run(.ecdhZGen(key, point), authorizedBy: authorization)
            }
            return try chip.parse(response, to: .ecdhZGen) { (reader: inout Reader) throws(WireError) in
                try P256Point(tpm2b: &reader)
            }
        }
    }

    /// How the chip answers an evaluation.
    func evaluationCode() throws -> ResponseCode {
        do {
            try evaluate()
            return .success
        } catch {
            guard let code = error.responseCode else { throw error }
            return code
        }
    }

    /// The device's own product.
    func expected(_ point: P256Point = .someone) throws -> P256Point {
        let product = try Element(x: point.x, y: point.y).times(evaluationScalar)
        return try P256Point(x: product.x, y: product.y)
    }

    /// Count and ceiling, read through the uncounted branch.
    func count() throws -> SlotCount { try chip.read(slot) }

    /// Lends the evaluation key, loaded.
    func withEvaluationKey<R>(_ body: (Command.Entity) throws -> R) throws -> R {
        try withLoaded(evaluationKey, body)
    }

    /// Lends an object, loaded.
    func withLoaded<R>(_ blob: Blob, _ body: (Command.Entity) throws -> R) throws -> R {
        let handle = try load(blob)
        defer { courier.flush(handle) }
        return try body(.init(handle, blob.area.name))
    }

    func load(_ blob: Blob) throws -> Handle {
        let chip = chip
        let response = try chip.withPolicy(ParentProfile.policy, for: .load) { (authorization) throws(ChipError) in
            try chip.run(.load(blob.area, private: blob.private, under: parent), authorizedBy: authorization)
        }
        return try #require(response.handle)
    }

    /// Satisfies the evaluation key's policy in `session`, which spends a guess.
    func spend(in session: Handle) throws {
        try chip.satisfy(evaluationPolicy, for: .ecdhZGen, in: session, evidence: .spending(written))
    }

    // MARK: the device's signatures

    func sign(_ message: [UInt8], with key: P256.Signing.PrivateKey) throws -> Signature {
        try Signature(p1363: Array(try key.signature(for: message).rawRepresentation))
    }

    /// The limit key's proof of one write in the session with this nonce.
    func evidence(_ write: SlotProfile.Write, of slot: SlotProfile? = nil, nonceTPM: [UInt8]) throws -> Evidence {
        let act = try SignedAct(write, of: slot ?? self.slot, nonceTPM: nonceTPM)
        return .signed(act, by: authority.publicArea(self.slot.limitKey), try sign(act.message, with: limitKey))
    }

    /// Runs PolicySigned with a signature of one's own choice, which the chip must answer with `code`.
    func expectPolicySigned(
        _ code: ResponseCode, in session: Handle, nonceTPM: [UInt8], cpHash: [UInt8], reference: [UInt8],
        expiration: Int32 = SignedAct.expiration, signature: Signature, by key: P256.Signing.PrivateKey,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let area = authority.publicArea(P256Point(key.publicKey))
        let loaded = try #require(try chip.run(.loadExternal(area)).handle)
        defer { courier.flush(loaded) }
        try courier.expect(
            code,
            .policySigned(
                session, key: .init(loaded, area.name), nonceTPM: nonceTPM, cpHash: cpHash, reference: reference,
                expiration: expiration, signature: signature), sourceLocation: sourceLocation)
    }

    /// A policy session of the device's, proven, and satisfied for `write` by the courier: all but the write itself.
    func prepare(_ write: SlotProfile.Write, of slot: SlotProfile? = nil) throws -> CarriedSession {
        let session = try CarriedSession(.policy, to: endorsement, courier)
        try session.prove()
        let slot = slot ?? self.slot
        try chip.satisfy(
            slot.policy, for: .nvWrite, in: session.handle,
            evidence: evidence(write, of: slot, nonceTPM: session.device.nonceTPM))
        return session
    }

    /// The write as the device wants it, in a policy session of its own.
    func write(_ write: SlotProfile.Write, of slot: SlotProfile? = nil) throws {
        let session = try prepare(write, of: slot)
        defer { courier.flush(session.handle) }
        _ = try session.run((slot ?? self.slot).command(write), attributes: [])
    }

    var openPolicy: Policy {
        get throws { try BundleProfile.policy(openKey: P256Point(openKey.publicKey), authority: authority) }
    }

    /// The open key's proof of the Unseal of the object with this public area, in the session with this nonce.
    func openEvidence(_ area: PublicArea? = nil, nonceTPM: [UInt8]) throws -> Evidence {
        let act = try SignedAct(openingBundle: area ?? bundle.area, authority: authority, nonceTPM: nonceTPM)
        return .signed(
            act, by: authority.publicArea(P256Point(openKey.publicKey)), try sign(act.message, with: openKey))
    }

    /// Opens the bundle with the open key's signature.
    func unseal() throws -> [UInt8] {
        try withLoaded(bundle) { bundle in
            try courier.withPolicySession { session, nonceTPM in
                try chip.satisfy(openPolicy, for: .unseal, in: session, evidence: openEvidence(nonceTPM: nonceTPM))
                let response = try chip.run(.unseal(bundle), authorizedBy: .policy(session))
                var reader = Reader(response.parameters)
                return try reader.sized()
            }
        }
    }
}
