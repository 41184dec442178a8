import Crypto
import Secrets
import TPM
import TestSupport
import VaultAPI
import Varlink

/// One device's connection to a vault, with the calls that a device makes, in its order.
struct Phone: Sendable {
    let client: VarlinkClient
    let vault: KnownVault
    /// How long each call took: what is left of an operation is the device's own work.
    let calls = Times()

    static func connect(to socket: String) async throws -> Phone {
        let client = try await VarlinkClient.connect(to: VarlinkAddress("unix:\(socket)"), replyDeadline: .seconds(60))
        let claim = try await client.call(
            "\(VaultInterface.name).\(Describe.name)", Describe(), returning: Describe.Reply.self)
        return Phone(client: client, vault: try KnownVault(claim))
    }

    /// What a device asks before it trusts a vault, in one session.
    func proveChip() async throws {
        var session = try await start(.hmac)
        _ = try await session.prove(
            .parent, .createPrimary(ParentProfile.template, in: .owner), [.audit, .continueSession])
        _ = try await session.prove(
            .largestDigest, .getCapability(.properties, from: 0x120, count: 1), [.audit, .continueSession])
        _ = try await session.prove(.maker, .getCapability(.properties, from: 0x105, count: 8), [.audit])
    }

    func enroll(_ name: String) async throws -> Person {
        let account = try Account(name)
        guard let enrollment = EnrollmentID(SecretBytes(random: 16).published) else {
            throw HarnessError("no enrollment id")
        }
        let handle = try await ask(Reserve(account: account, enrollment: enrollment, replaces: nil)).slot
        let person = try Person(name, slot: Handle(handle), enrollment: enrollment, at: vault)
        _ = try await ask(
            Define(
                account: account, enrollment: enrollment, limitKey: Bytes(person.limitArea.tpm2b),
                slot: Bytes(person.slot.publicArea(written: false).tpm2b),
                evaluationKey: SealedObject(
                    person.evaluationArea, try person.sealedEvaluationKey(to: vault.parent))))
        var first = try await start(.policy)
        _ = try await first.prove(.random, .getRandom(16), [.encrypt, .continueSession])
        try await first.write(.first(limit: Person.limit), for: person)
        try await evaluate(for: person)
        try await raise(to: Person.limit + 1, for: person)
        let recipe = Recipe(
            account: account, enrollment: enrollment, generation: 1, memory: 65_536, passes: 3,
            vaults: [
                Recipe.Entry(
                    endorsementName: Bytes(vault.endorsementKey.name.bytes),
                    parentName: Bytes(vault.parent.name.bytes), authorityHash: vault.authority.hash.label,
                    slot: handle, limit: Person.limit, evaluationKeyName: Bytes(person.evaluationArea.name.bytes))
            ])
        _ = try await ask(
            Commit(
                recipe: recipe, confirmation: Bytes([UInt8](repeating: 0, count: 32)),
                openKey: Bytes(person.openArea.tpm2b),
                bundle: SealedObject(person.bundleArea, try person.sealedBundle(to: vault.parent)),
                olderKeys: Bytes([])))
        try await open(for: person)
        return person
    }

    func recover(_ person: Person) async throws {
        let served = try await ask(LookUp(account: person.account))
        try await evaluate(for: person)
        try await open(for: person)
        try await raise(to: max(served.ceiling, Person.limit) + 1, for: person)
    }

    /// Takes the account away, without a burn.
    func forget(_ person: Person) async throws {
        _ = try await ask(Forget(account: person.account, enrollment: person.enrollment, unburnt: true))
    }

    private func evaluate(for person: Person) async throws {
        let blinded = try Person.blinded()
        _ = try await ask(
            Evaluate(account: person.account, enrollment: person.enrollment, blinded: Bytes(blinded.sec1)))
    }

    private func open(for person: Person) async throws {
        let challenge = try await ask(Challenge(account: person.account, enrollment: person.enrollment))
        let (_, signature) = try person.signOpening(nonceTPM: challenge.nonceTPM.bytes)
        let reply = try await ask(
            Open(
                session: challenge.session, account: person.account, enrollment: person.enrollment,
                nonceTPM: challenge.nonceTPM, signature: Bytes(signature.p1363)))
        guard reply.bundle.bytes == person.bundle else { throw HarnessError("another bundle") }
    }

    private func raise(to ceiling: UInt32, for person: Person) async throws {
        var session = try await start(.policy)
        _ = try await session.prove(.slot, person.slot.readCommand, [.encrypt, .continueSession], of: person)
        try await session.write(.ceiling(ceiling), for: person)
    }

    fileprivate func ask<M: VaultMethod>(_ method: M) async throws -> M.Reply {
        let begun = ContinuousClock.now
        defer { calls.add(ContinuousClock.now - begun) }
        return try await client.call("\(VaultInterface.name).\(M.name)", method, returning: M.Reply.self)
    }

    private func start(_ kind: StartSession.Kind) async throws -> PhoneSession {
        let salt = try Salt(for: vault.endorsementKey)
        let nonceCaller = SecretBytes(random: 32).published
        let reply = try await ask(
            StartSession(kind: kind, encryptedSalt: Bytes(salt.encrypted), nonceCaller: Bytes(nonceCaller)))
        return PhoneSession(
            phone: self, number: reply.session,
            session: try DeviceSession(salt: salt.secret, nonceCaller: nonceCaller, nonceTPM: reply.nonceTPM.bytes))
    }
}

/// A session between a device and the chip.
private struct PhoneSession: ~Copyable {
    let phone: Phone
    let number: Int
    var session: DeviceSession

    mutating func prove(
        _ fact: Prove.Fact, _ command: Command, _ attributes: SessionAttributes, of person: Person? = nil
    ) async throws -> [UInt8] {
        let authorization = Carried(session.authorize(command, attributes: attributes))
        let reply = try await phone.ask(
            Prove(
                session: number, fact: fact, account: person?.account, enrollment: person?.enrollment,
                authorization: authorization))
        return try open(reply, to: command, attributes)
    }

    mutating func write(_ write: SlotProfile.Write, for person: Person) async throws {
        let nonce = session.nonceTPM
        let (_, signature) = try person.sign(write, nonceTPM: nonce)
        let command = person.slot.command(write)
        let authorization = Carried(session.authorize(command, attributes: []))
        let (kind, value, granted): (WriteSlot.Write, UInt32, Granted?) =
            switch write {
            case .first(let limit): (.first, limit, nil)
            case .ceiling(let ceiling):
                (.ceiling, ceiling, Granted(guesses: 0, mac: Bytes([UInt8](repeating: 0, count: 32))))
            case .burn: (.burn, 0, nil)
            }
        let reply = try await phone.ask(
            WriteSlot(
                session: number, account: person.account, enrollment: person.enrollment, write: kind, value: value,
                nonceTPM: Bytes(nonce), signature: Bytes(signature.p1363), authorization: authorization,
                granted: granted))
        _ = try open(reply, to: command, [])
    }

    private mutating func open(
        _ reply: CarriedReply, to command: Command, _ attributes: SessionAttributes
    ) throws -> [UInt8] {
        try session.open(
            Response.SessionAnswer(
                nonceTPM: reply.nonceTPM.bytes, attributes: SessionAttributes(rawValue: reply.attributes),
                hmac: reply.hmac.bytes),
            parameters: reply.parameters.bytes, to: command, attributes: attributes)
    }
}

extension Carried {
    fileprivate init(_ authorization: CarriedAuthorization) {
        self.init(
            nonceCaller: Bytes(authorization.nonceCaller), attributes: authorization.attributes.rawValue,
            hmac: Bytes(authorization.hmac))
    }
}

extension SealedObject {
    fileprivate init(_ area: PublicArea, _ sealed: Sealed) {
        self.init(
            publicArea: Bytes(area.tpm2b), duplicate: Bytes(sealed.duplicate),
            encryptedSeed: Bytes(sealed.encryptedSeed))
    }
}
