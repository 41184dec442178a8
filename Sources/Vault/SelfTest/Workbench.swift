import Crypto
import Secrets
import TPM
import TPMDevice

/// What a self-test works with: a chip, the vault's own kind of parent made for the moment, and one throwaway enrollment under it.
/// The test is device and courier in one, and an attacker besides.
final class Workbench {
    let chip: Chip
    let throwaway: Throwaway
    let implemented: Set<UInt32>
    /// How many evaluations in a row are watched.
    let stress: Int
    private var made: Made?

    /// What the chip holds for the test.
    struct Made {
        let parent: Command.Entity
        let parentArea: PublicArea
        let evaluationKey: Blob
        let bundle: Blob
    }

    /// An object as it was sealed, and as the chip keeps it.
    struct Blob {
        let area: PublicArea
        let sealed: Sealed
        let `private`: [UInt8]
    }

    init(_ chip: Chip, place: Throwaway.Place, stress: Int) throws {
        self.chip = chip
        self.stress = stress
        implemented = try chip.implementedCommands()
        // A chip with another largest hash fails `needed`, and comes no further.
        let largest = try chip.largestDigest
        throwaway = try Throwaway(place, largestDigest: HashAlgorithm(size: largest) == .sha384 ? 48 : 64)
    }

    var slot: SlotProfile { throwaway.slot }
    var written: Command.Entity { slot.entity(written: true) }
    var unwritten: Command.Entity { slot.entity(written: false) }
    var policy: Policy { EvaluationKeyProfile.policy(slot: slot) }

    func has(_ command: CommandCode) -> Bool { implemented.contains(command.rawValue) }

    // MARK: what is made, and taken away

    /// Makes parent, evaluation key and bundle, when something asks for them first.
    func objects() throws -> Made {
        if let made { return made }
        let response = try chip.run(.createPrimary(ParentProfile.template, in: .owner), authorizedBy: chip.owner)
        guard let handle = response.handle else { throw ChipError.malformed(.createPrimary, .truncated) }
        do {
            let area = try chip.parse(response, to: .createPrimary) { (reader: inout Reader) throws(WireError) in
                try PublicArea(tpm2b: &reader)
            }
            guard ParentProfile.accepts(area) else {
                throw ChipProperty.Broken("the parent that the chip made is not the profile's")
            }
            let parent = Command.Entity(handle, area.name)
            var (content, seed) = (throwaway.bundleContent, throwaway.bundleSeed)
            let objects = Made(
                parent: parent, parentArea: area,
                evaluationKey: try take(
                    throwaway.evaluationArea, Sensitive(privateKey: throwaway.evaluationSecret), under: parent, area),
                bundle: try take(
                    throwaway.bundleArea,
                    Sensitive(sealedData: SecretBytes(wiping: &content), seed: SecretBytes(wiping: &seed)),
                    under: parent, area))
            made = objects
            return objects
        } catch {
            try? chip.flush(handle)
            throw error
        }
    }

    private func take(
        _ area: PublicArea, _ sensitive: borrowing Sensitive, under parent: Command.Entity, _ parentArea: PublicArea
    ) throws -> Blob {
        let sealed = try Sealed(sensitive, of: area, to: parentArea)
        return Blob(area: area, sealed: sealed, private: try chip.take(sealed, of: area, under: parent))
    }

    /// The slot anew: count 0, and this ceiling unless it shall stay unwritten.
    func arm(_ limit: UInt32?) throws {
        try removeSlot()
        try chip.run(.nvDefineSpace(slot.publicArea(written: false)), authorizedBy: chip.owner)
        if let limit { try write(.first(limit: limit)) }
    }

    func removeSlot() throws {
        try Throwaway.clear([.test], on: chip)
    }

    /// Leaves the connection and makes another: the objects are gone with it, the slot is not.
    func reopen() throws {
        made = nil
        try chip.reopen()
    }

    /// Takes everything away but a slot that is kept across a restart.
    func clear() throws {
        if let made {
            self.made = nil
            try chip.flush(made.parent.handle)
        }
        try removeSlot()
    }

    // MARK: the everyday of device and courier

    /// Count and ceiling, through the uncounted branch: asked from the chip each time.
    func count() throws -> SlotCount { try chip.read(slot) }

    /// A policy session, flushed afterwards if it is still there.
    @discardableResult
    func withSession<R>(
        _ kind: SessionKind = .policy, _ body: (_ session: Handle, _ nonceTPM: [UInt8]) throws -> R
    ) throws -> R {
        let session = try chip.startSession(kind)
        defer { try? chip.flush(session.handle) }
        return try body(session.handle, session.nonceTPM)
    }

    /// Lends the evaluation key, loaded.
    func withKey<R>(_ body: (Command.Entity) throws -> R) throws -> R {
        try withLoaded(try objects().evaluationKey, body)
    }

    func withLoaded<R>(_ blob: Blob, _ body: (Command.Entity) throws -> R) throws -> R {
        let parent = try objects().parent
        let chip = chip
        let handle = try chip.withPolicy(ParentProfile.policy, for: .load) { (authorization) throws(ChipError) in
            try chip.run(.load(blob.area, private: blob.private, under: parent), authorizedBy: authorization).handle
        }
        guard let handle else { throw ChipError.malformed(.load, .truncated) }
        defer { try? chip.flush(handle) }
        return try body(.init(handle, blob.area.name))
    }

    /// The PolicyNV that spends a guess, and the one whose comparison fails.
    func policyNV(_ session: Handle, authority: Command.Entity? = nil, operand: UInt8 = 0) -> Command {
        .policyNV(
            session, authority: authority ?? written, index: written, operand: [operand], offset: 0,
            operation: .unsignedGreaterOrEqual)
    }

    /// Satisfies the evaluation key's policy, which spends a guess.
    func spend(in session: Handle) throws {
        try chip.satisfy(policy, for: .ecdhZGen, in: session, evidence: .spending(written))
    }

    /// One counted evaluation; gives the x-coordinate of the product.
    @discardableResult
    func evaluate(_ point: P256Point = .someone) throws -> [UInt8] {
        try withKey { key in
            try withSession { session, _ in
                try spend(in: session)
                return try product(try chip.run(.ecdhZGen(key, point), authorizedBy: .policy(session)))
            }
        }
    }

    func product(_ response: Response) throws -> [UInt8] {
        try chip.parse(response, to: .ecdhZGen) { (reader: inout Reader) throws(WireError) in
            try P256Point(tpm2b: &reader).x
        }
    }

    // MARK: the device's signatures

    /// The limit key's proof of one write in the session with this nonce.
    func evidence(
        _ write: SlotProfile.Write, nonceTPM: [UInt8], by key: P256.Signing.PrivateKey? = nil
    ) throws -> Evidence {
        let act = try SignedAct(write, of: slot, nonceTPM: nonceTPM)
        return .signed(act, by: throwaway.authority.publicArea(slot.limitKey), try sign(act, key ?? throwaway.limitKey))
    }

    func sign(_ act: SignedAct, _ key: P256.Signing.PrivateKey) throws -> Signature {
        try Signature(p1363: Array(try key.signature(for: SHA256.hash(data: act.message)).rawRepresentation))
    }

    /// Satisfies the slot's policy for a write that the limit key signs.
    func satisfy(_ write: SlotProfile.Write, in session: Handle, nonceTPM: [UInt8]) throws {
        try chip.satisfy(
            slot.policy, for: .nvWrite, in: session, evidence: try evidence(write, nonceTPM: nonceTPM))
    }

    /// A write as the limit key allows it.
    func write(_ write: SlotProfile.Write) throws {
        try withSession { session, nonceTPM in
            try satisfy(write, in: session, nonceTPM: nonceTPM)
            try chip.run(slot.command(write), authorizedBy: .policy(session))
        }
    }

    // MARK: what must be

    /// The count must be this, and the ceiling where it is given.
    func expect(count: UInt32, ceiling: UInt32? = nil, after what: String) throws {
        let found = try self.count()
        guard found.count == count else {
            throw ChipProperty.Broken("\(what) the count is \(found.count) instead of \(count)")
        }
        guard let ceiling, found.ceiling != ceiling else { return }
        throw ChipProperty.Broken("\(what) the ceiling is \(found.ceiling) instead of \(ceiling)")
    }

    /// The chip must refuse `command`; with one of `codes`, where another refusal would come too late.
    @discardableResult
    func refuses(
        _ what: String, _ command: Command, _ authorizations: Authorization..., with codes: Set<UInt32> = []
    ) throws -> ResponseCode {
        let code =
            switch authorizations.count {
            case 0: try chip.answer(to: command)
            case 1: try chip.answer(to: command, authorizedBy: authorizations[0])
            default: try chip.answer(to: command, authorizedBy: authorizations[0], authorizations[1])
            }
        guard !code.isSuccess else { throw ChipProperty.Broken("\(what) was not refused") }
        // A chip that is broken refuses everything.
        guard code != .failure else { throw ChipError.refused(command.code, code) }
        guard codes.isEmpty || codes.contains(code.base) else {
            throw ChipProperty.Broken("\(what) was refused with \(code), which comes after the check that is due")
        }
        return code
    }

    /// The chip must do `command`.
    func takes(_ what: String, _ command: Command, _ authorization: Authorization? = nil) throws {
        let code =
            if let authorization { try chip.answer(to: command, authorizedBy: authorization) } else {
                try chip.answer(to: command)
            }
        guard code.isSuccess else { throw ChipProperty.Broken("\(what) was refused with \(code)") }
    }
}

/// Codes by which a chip says that an authorization is not the one that is due, in whatever session: AUTH_TYPE,
/// AUTH_MISSING, AUTH_UNAVAILABLE, AUTH_FAIL, BAD_AUTH, POLICY_FAIL, POLICY_CC. TPM 2.0 Part 2 §6.6.
enum Refusal {
    static let unauthorized: Set<UInt32> = [0x124, 0x125, 0x12F, 0x08E, 0x0A2, 0x09D, 0x0A4]
    /// ECC_POINT, VALUE, SIZE: what was given is no point.
    static let noPoint: Set<UInt32> = [0x0A7, 0x084, 0x095]
}

extension P256Point {
    /// A point that nobody prepared.
    static var someone: P256Point { P256Point(P256.Signing.PrivateKey().publicKey) }
}

extension Chip {
    /// TPM_PT_MAX_DIGEST in bytes.
    var largestDigest: Int {
        get throws(ChipError) { Int(try property(ChipRequirements.Property.largestDigest) ?? 0) }
    }
}
