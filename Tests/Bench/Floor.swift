import Foundation
import Secrets
import TPM
import TestSupport
import VaultAPI

/// The fewest commands that do the job, straight to the emulated chip's socket, one after another, with everything that can be
/// prepared at hand. ESAPI would marshal, look up Names and compute HMACs between them, so this floor is lower than one that
/// goes through it.
///
/// Only the time is counted that the chip has a command: what is a device's to compute in between (a salt, a signature over
/// a fresh nonce, an HMAC) is left out.
final class Floor {
    /// Someone enrolled here, and what the chip gave for it.
    struct Enrolled {
        let person: Person
        fileprivate let evaluationPrivate: [UInt8]
        fileprivate let bundlePrivate: [UInt8]
        fileprivate var ceiling: UInt32
        fileprivate var count: UInt32 = 1
    }

    private let raw: RawTPM
    private let vault: KnownVault
    private let endorsement: Command.Entity
    private let parent: Command.Entity
    /// One policy session for everything that needs no key: the chip resets it after each use.
    private var policySession: Handle = .null
    /// How long the chip had commands.
    private(set) var time = Duration.zero
    private(set) var commands = 0

    /// The handles in `vault.json`.
    private struct Handles: Decodable {
        let endorsementHandle: UInt32
        let parentHandle: UInt32
    }

    init(_ raw: RawTPM, home: String, vault: KnownVault) throws {
        self.raw = raw
        self.vault = vault
        let handles = try JSONDecoder().decode(
            Handles.self, from: Data(contentsOf: URL(filePath: home + "/vault.json")))
        endorsement = .init(Handle(handles.endorsementHandle), vault.endorsementKey.name)
        parent = .init(Handle(handles.parentHandle), vault.parent.name)
        policySession = try start(nil).handle
    }

    /// Leaves nothing in the chip.
    func end() throws { try run(.flushContext(policySession)) }

    /// Runs `body`, and gives what it took of the chip.
    func measuring<R>(_ body: () throws -> R) rethrows -> (result: R, time: Duration, commands: Int) {
        let (before, commandsBefore) = (time, commands)
        let result = try body()
        return (result, time - before, commands - commandsBefore)
    }

    func enroll(_ name: String, slot: Handle) throws -> Enrolled {
        guard let id = EnrollmentID(SecretBytes(random: 16).published) else { throw HarnessError("no enrollment id") }
        let person = try Person(name, slot: slot, enrollment: id, at: vault)
        let evaluationPrivate = try take(try person.sealedEvaluationKey(to: vault.parent), of: person.evaluationArea)
        try run(.nvDefineSpace(person.slot.publicArea(written: false)), .password())
        try write(.first(limit: Person.limit), for: person) { session in
            try session.prove(.getRandom(16), [.encrypt, .continueSession], self)
        }
        let blinded = try Person.blinded()
        let evaluated = try evaluate(blinded, person, evaluationPrivate)
        guard try person.isRight(evaluated, for: blinded) else { throw HarnessError("a wrong evaluation") }
        guard try raise(to: Person.limit + 1, for: person).count == 1 else {
            throw HarnessError("the chip does not count")
        }
        let bundlePrivate = try take(try person.sealedBundle(to: vault.parent), of: person.bundleArea)
        try open(person, bundlePrivate)
        return Enrolled(
            person: person, evaluationPrivate: evaluationPrivate, bundlePrivate: bundlePrivate,
            ceiling: Person.limit + 1)
    }

    /// Evaluation, opening, refund.
    func recover(_ enrolled: inout Enrolled) throws {
        _ = try evaluate(Person.blinded(), enrolled.person, enrolled.evaluationPrivate)
        try open(enrolled.person, enrolled.bundlePrivate)
        let ceiling = enrolled.ceiling
        let count = try raise(to: ceiling + 1, for: enrolled.person)
        guard count.ceiling == ceiling, count.count > enrolled.count else {
            throw HarnessError("the chip does not count")
        }
        (enrolled.ceiling, enrolled.count) = (ceiling + 1, count.count)
    }

    /// The chip proves count and ceiling in the session that then writes the new ceiling; gives what it proved.
    private func raise(to ceiling: UInt32, for person: Person) throws -> SlotCount {
        var proven: SlotCount?
        try write(.ceiling(ceiling), for: person) { session in
            try satisfy(person.slot.policy, for: .nvRead)
            proven = try SlotCount(
                readParameters: session.prove(
                    person.slot.readCommand, [.encrypt, .continueSession], self, after: kept))
        }
        guard let proven else { throw HarnessError("nothing was proven") }
        return proven
    }

    func remove(_ enrolled: Enrolled) throws {
        try run(.nvUndefineSpace(enrolled.person.slot.entity(written: true)), .password())
    }

    // MARK: - Parts

    private var kept: Authorization { Authorization(session: policySession, attributes: [.continueSession]) }

    private func evaluate(_ blinded: P256Point, _ person: Person, _ wrapped: [UInt8]) throws -> P256Point {
        let key = try load(person.evaluationArea, wrapped)
        let slot = person.slot.entity(written: true)
        let policy = EvaluationKeyProfile.policy(slot: person.slot)
        for step in policy.steps {
            switch step {
            case .nv(_, let operand, let offset, let operation):
                try run(
                    .policyNV(
                        policySession, authority: slot, index: slot, operand: operand, offset: offset,
                        operation: operation), .password())
            case .commandCode(let code): try run(.policyCommandCode(policySession, code))
            default: throw HarnessError("another policy")
            }
        }
        let response = try run(.ecdhZGen(key, blinded), kept)
        var reader = Reader(response.parameters)
        let evaluated = try P256Point(tpm2b: &reader)
        try run(.flushContext(key.handle))
        return evaluated
    }

    private func open(_ person: Person, _ wrapped: [UInt8]) throws {
        let (session, nonce) = try start(nil)
        let (act, signature) = try person.signOpening(nonceTPM: nonce)
        try sign(act, signature, by: person.openArea, in: session)
        try run(.policyCommandCode(session, .unseal))
        let object = try load(person.bundleArea, wrapped)
        try run(.unseal(object), .policy(session))
        try run(.flushContext(object.handle))
    }

    private func write(
        _ write: SlotProfile.Write, for person: Person, _ prove: (inout FloorSession) throws -> Void
    ) throws {
        let salt = try Salt(for: vault.endorsementKey)
        let nonceCaller = SecretBytes(random: 32).published
        let (handle, nonceTPM) = try start((salt.encrypted, nonceCaller))
        var session = FloorSession(
            handle: handle,
            session: try DeviceSession(salt: salt.secret, nonceCaller: nonceCaller, nonceTPM: nonceTPM))
        try prove(&session)
        let (act, signature) = try person.sign(write, nonceTPM: session.session.nonceTPM)
        try sign(act, signature, by: person.limitArea, in: handle)
        try satisfyRest(of: person.slot.policy, for: .nvWrite, in: handle)
        _ = try session.prove(person.slot.command(write), [], self)
    }

    private func take(_ sealed: Sealed, of area: PublicArea) throws -> [UInt8] {
        try satisfy(ParentProfile.policy, for: .import)
        var reader = Reader(try run(.import(area, sealed: sealed, under: parent), kept).parameters)
        return try reader.sized()
    }

    private func load(_ area: PublicArea, _ wrapped: [UInt8]) throws -> Command.Entity {
        try satisfy(ParentProfile.policy, for: .load)
        guard let handle = try run(.load(area, private: wrapped, under: parent), kept).handle else {
            throw HarnessError("no handle")
        }
        return .init(handle, area.name)
    }

    private func satisfy(_ policy: Policy, for code: CommandCode) throws {
        try satisfyRest(of: policy, for: code, in: policySession)
    }

    /// All steps that need no signature.
    private func satisfyRest(of policy: Policy, for code: CommandCode, in session: Handle) throws {
        for step in policy.path(to: code) ?? [] {
            switch step {
            case .commandCode(let command): try run(.policyCommandCode(session, command))
            case .or(let branches): try run(.policyOR(session, branches.map { $0.digest() }))
            default: continue
            }
        }
    }

    private func sign(_ act: SignedAct, _ signature: Signature, by key: PublicArea, in session: Handle) throws {
        guard let handle = try run(.loadExternal(key)).handle else { throw HarnessError("no handle") }
        try run(
            .policySigned(
                session, key: .init(handle, key.name), nonceTPM: act.nonceTPM, cpHash: act.cpHash,
                reference: act.reference, expiration: SignedAct.expiration, signature: signature))
        try run(.flushContext(handle))
    }

    /// Starts a policy session, salted where a salt is given.
    private func start(
        _ salt: (encrypted: [UInt8], nonceCaller: [UInt8])?
    ) throws -> (handle: Handle, nonceTPM: [UInt8]) {
        let command: Command =
            if let salt {
                .startAuthSession(
                    .policy, saltedTo: endorsement, encryptedSalt: salt.encrypted, nonceCaller: salt.nonceCaller,
                    parameterEncryption: true)
            } else {
                .startAuthSession(.policy, nonceCaller: [UInt8](repeating: 0, count: 32))
            }
        let response = try run(command)
        guard let handle = response.handle else { throw HarnessError("no handle") }
        var reader = Reader(response.parameters)
        return (handle, try reader.sized())
    }

    @discardableResult
    fileprivate func run(_ command: Command, _ authorizations: Authorization...) throws -> Response {
        let bytes = command.bytes(authorizations: authorizations)
        for _ in 0..<20 {
            let begun = ContinuousClock.now
            let answer = try raw.transmit(bytes)
            time += ContinuousClock.now - begun
            let response = try Response(answer, to: command)
            // A chip tests what it uses for the first time, and asks for the command again.
            if response.code.mayBeSentAgain { continue }
            guard response.code.isSuccess else { throw HarnessError("\(command.code) was refused: \(response.code)") }
            commands += 1
            return response
        }
        throw HarnessError("\(command.code) was put off too often")
    }
}

/// A device's session, carried by nobody.
private struct FloorSession: ~Copyable {
    let handle: Handle
    var session: DeviceSession

    @discardableResult
    mutating func prove(
        _ command: Command, _ attributes: SessionAttributes, _ floor: Floor, after first: Authorization? = nil
    ) throws -> [UInt8] {
        let own = session.authorize(command, attributes: attributes).authorization(in: handle)
        let response = if let first { try floor.run(command, first, own) } else { try floor.run(command, own) }
        guard let answer = response.sessions.last else { throw HarnessError("no answer in the session") }
        return try session.open(answer, parameters: response.parameters, to: command, attributes: attributes)
    }
}
