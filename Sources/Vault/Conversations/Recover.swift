import Foundation
import Logging
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// Spends a guess, then evaluates, then answers.
    func evaluate(_ call: Evaluate, for connection: ConnectionID) throws(VaultFault) -> Step<Evaluate.Reply> {
        guard let point = try? P256Point(sec1: call.blinded.bytes) else { throw .notAPoint }
        if let session = call.session, !sessions.holds(session, owner: connection, on: chip) { throw .sessionGone }
        let before = try count(of: call)
        // The line of a guess that is not made after all is held against the chip later.
        unread.insert(call.enrollment)
        return .store { [self] () throws(VaultFault) in try prepare(call, point, before, for: connection) }
    }

    private func count(of call: Evaluate) throws(VaultFault) -> SlotCount {
        try count(of: call.enrollment) { () throws(VaultFault) in
            try record(call.enrollment, of: call.account, in: Self.evaluable)
        }
    }

    private static let evaluable: Set<EnrollmentRecord.State> = [.armed, .live]

    /// Has the line of the guess on the disk before the chip is asked: no crash loses it. At the ceiling there is none to make.
    nonisolated private func prepare(
        _ call: Evaluate, _ point: P256Point, _ before: SlotCount, for connection: ConnectionID
    ) throws(VaultFault) -> Step<Evaluate.Reply> {
        let record = try record(call.enrollment, of: call.account, in: Self.evaluable)
        let slot = try slot(of: record)
        // A lost reply, asked again: the same pair costs nothing.
        if record.lastBlinded == Data(call.blinded.bytes), let evaluated = record.lastEvaluated {
            let reply = Evaluate.Reply(evaluated: Bytes(Array(evaluated)), guessesLeft: before.guessesLeft)
            guard let session = call.session else { return .reply(reply) }
            return .turn { vault in
                vault.sessions.end(session, owner: connection, on: vault.chip)
                return .reply(reply)
            }
        }
        guard let area = record.evaluationArea(slot), let wrapped = record.evaluationPrivate else {
            throw .wrongEnrollment
        }
        let last = try stored { try store.lastLine(of: record) }
        let isPossible = before.guessesLeft > 0
        let entries = [
            entry(explaining: before, record, after: last),
            isPossible ? JournalEntry(.guess, of: record, at: now()) : nil,
        ]
        try countWrite(.guess, for: call.account, journal: entries.compactMap { $0 })
        return .onceDurable(
            .turn { (vault) throws(VaultFault) in
                vault.willChange(call.enrollment)
                let response: Response
                let evaluated: P256Point
                do throws(VaultFault) {
                    (response, evaluated) = try vault.spend(
                        on: call, point, area, Array(wrapped), slot, for: connection)
                } catch {
                    if isPossible, error.guess == .notSpent { vault.note(.refused, of: record) }
                    throw error
                }
                let after = SlotCount(count: before.count &+ 1, ceiling: before.ceiling)
                vault.seen[call.enrollment] = after
                return .store { [vault] in
                    vault.keep(evaluated, for: call, record)
                    return .reply(
                        Evaluate.Reply(
                            evaluated: Bytes(evaluated.sec1), guessesLeft: after.guessesLeft,
                            proof: call.session.map { _ in CarriedReply(response) }))
                }
            })
    }

    nonisolated private func keep(_ evaluated: P256Point, for call: Evaluate, _ record: EnrollmentRecord) {
        do {
            try store.keep(call.blinded.bytes, evaluated: evaluated.sec1, of: record)
        } catch {
            // The guess is spent and the answer is here: it goes out, only a repetition would now cost one more.
            log.error("the last evaluated pair could not be kept: \(error)")
        }
    }

    /// Takes a line back that was written too early. Where it cannot be, the next evaluation or start does it by the chip's count.
    private func note(_ act: JournalEntry.Act, of record: EnrollmentRecord) {
        do {
            try store.append(JournalEntry(act, of: record, at: now()))
        } catch {
            log.error("the journal could not be written: \(error)")
        }
    }

    /// Everything that can fail before the guess is spent comes first; between PolicyNV and ECDH_ZGen nothing is awaited.
    private func spend(
        on call: Evaluate, _ point: P256Point, _ area: PublicArea, _ wrapped: [UInt8], _ slot: SlotProfile,
        for connection: ConnectionID
    ) throws(VaultFault) -> (Response, P256Point) {
        var mayHaveSpent = false
        func multiply(_ device: Authorization? = nil) throws(ChipError) -> (Response, P256Point) {
            try chip.withLoaded(area, private: wrapped, under: parent) { (key) throws(ChipError) in
                try chip.withPolicy(
                    EvaluationKeyProfile.policy(slot: slot), for: .ecdhZGen,
                    evidence: .spending(slot.entity(written: true)), willBegin: { mayHaveSpent = true }
                ) { (session) throws(ChipError) in
                    let response = try chip.run(.ecdhZGen(key, point), with: [session] + (device.map { [$0] } ?? []))
                    return try chip.parse(response, to: .ecdhZGen) { (reader: inout Reader) throws(WireError) in
                        (response, try P256Point(tpm2b: &reader))
                    }
                }
            }
        }
        let done: (Response, P256Point)?
        do throws(ChipError) {
            if let number = call.session, let authorization = call.authorization {
                let carried = CarriedAuthorization(authorization)
                done = try sessions.use(number, owner: connection, purpose: .device, on: chip) {
                    (handle) throws(ChipError) in
                    (try multiply(carried.authorization(in: handle)), goesOn: false)
                }
            } else {
                done = try multiply()
            }
        } catch {
            guard mayHaveSpent else { throw fault(error) }
            // Handles are looked up first, then the authorization is checked and counted, then the command's own work begins
            // (Part 3 §5, and so in the reference code): only what comes before the counting says that nothing was spent.
            if case .refused(.policyNV, let code) = error {
                if code == .authUnavailable {
                    // So the chip answers for a slot that was defined again and is unwritten, too: reading it tells.
                    _ = try onChip { () throws(ChipError) in try chip.read(slot) }
                    throw .lockedOut
                }
                if code == .retry || code.isMissingHandle || code.isMissingReference { throw fault(error) }
            }
            log.error("the chip failed in an evaluation: \(error)")
            throw .chipFailedAfterSpending
        }
        // Somebody at the chip ended it: that shows only when the session is used, and the guess is counted by then.
        guard let done else { throw mayHaveSpent ? .chipFailedAfterSpending : .sessionGone }
        return done
    }

    /// Starts the session over whose nonce the open key signs.
    func challenge(_ call: Challenge, for connection: ConnectionID) throws(VaultFault) -> Challenge.Reply {
        _ = try record(call.enrollment, of: call.account, in: [.live])
        return try onChip { () throws(ChipError) in
            sessions.makeRoom(on: chip)
            let session = try chip.startSession(.policy)
            return Challenge.Reply(
                session: try sessions.add(
                    session, owner: connection, purpose: .challenge, on: chip, at: .now,
                    waiting: turns.waiting),
                nonceTPM: Bytes(session.nonceTPM))
        }
    }

    /// Opens the bundle with the open key's signature.
    func open(_ call: Open, for connection: ConnectionID) throws(VaultFault) -> Step<Open.Reply> {
        let record = try record(call.enrollment, of: call.account, in: [.live])
        guard let openKey = record.openKey.flatMap({ try? P256Point(sec1: Array($0)) }),
            let bundle = record.bundlePublic.flatMap({ try? PublicArea(tpm2b: Array($0)) }),
            let wrapped = record.bundlePrivate,
            let policy = try? BundleProfile.policy(openKey: openKey, authority: authority)
        else { throw .wrongEnrollment }
        guard let signature = try? Signature(p1363: call.signature.bytes),
            let act = try? SignedAct(openingBundle: bundle, authority: authority, nonceTPM: call.nonceTPM.bytes)
        else { throw .refusedByChip }
        let data = try onChip { () throws(ChipError) in
            try sessions.use(call.session, owner: connection, purpose: .challenge, on: chip) {
                (handle) throws(ChipError) in
                try chip.satisfy(
                    policy, for: .unseal, in: handle,
                    evidence: .signed(act, by: authority.publicArea(openKey), signature))
                let data = try chip.withLoaded(bundle, private: Array(wrapped), under: parent) {
                    (object) throws(ChipError) in
                    let response = try chip.run(.unseal(object), authorizedBy: .policy(handle))
                    return try chip.parse(response, to: .unseal) { (reader: inout Reader) throws(WireError) in
                        try reader.sized(limit: 128)
                    }
                }
                return (data, goesOn: false)
            }
        }
        guard let data else { throw .sessionGone }
        return .store { [self] () throws(VaultFault) in
            // On the disk before the bundle leaves: nobody opens it without a line.
            try stored { try store.append(JournalEntry(.open, of: record, at: now()), outliving: .program) }
            return .onceDurable(.reply(Open.Reply(bundle: Bytes(data))))
        }
    }
}
