import ChipWitness
import Crypto

/// Root on the vault's host, at the chip itself: every hierarchy's (empty) authorization, and everything that ever crossed
/// the wire.
struct Operator {
    let recorder: Recorder
    let chip: RawChip

    static let owner: UInt32 = 0x4000_0001
    static let platform: UInt32 = 0x4000_000C

    init(_ recorder: Recorder) {
        self.recorder = recorder
        chip = recorder.chip
    }

    /// Flushes every session that is loaded, the vault's own too.
    func flushLoadedSessions() throws {
        let answer = try chip.send(
            RawCommand(0x17A, [], [], field(UInt32(1)) + field(UInt32(0x0200_0000)) + field(UInt32(16))))
        var fields = Fields(answer.parameters)
        guard answer.succeeded else { return }
        _ = try fields.take(5)
        for _ in 0..<(try fields.number(UInt32.self)) { chip.flush(try fields.number()) }
    }

    /// TPM2B_ECC_POINT of a random point.
    static func point() -> [UInt8] {
        let raw = Array(P256.KeyAgreement.PrivateKey().publicKey.rawRepresentation)
        return sized(sized(Array(raw[..<32])) + sized(Array(raw[32...])))
    }

    /// Loads an evaluation key as the vault did before, in a session of the operator's; lends its handle.
    func withKey<R>(_ key: Name, _ body: (UInt32) throws -> R) throws -> R? {
        let witness = recorder.witness
        let branch = PolicyDigest.commandCode(0x157)
        guard var load = witness.loads[key],
            let policy = witness.branches.first(where: { $0.value.contains(branch) })?.key,
            let session = try chip.branchSession(of: policy, for: 0x157, witness.branches)
        else { return nil }
        load.authorizations = [.policy(session)]
        let answer = try chip.send(load)
        guard let handle = answer.handle else {
            chip.flush(session)
            return nil
        }
        defer { chip.flush(handle) }
        return try body(handle)
    }

    /// PolicyNV over the slot, authorized by `authority`: always true for the slot of an evaluation key's policy.
    func policyNV(_ session: UInt32, _ slot: UInt32, by authority: UInt32) throws -> UInt32 {
        try chip.code(0x149, [authority, slot, session], [.password], sized([0]) + [0, 0] + [0, 7])
    }

    /// A session in which one guess of `slot` was spent, if the chip let it be.
    func spent(_ slot: UInt32) throws -> UInt32? {
        guard let session = try chip.startSession() else { return nil }
        guard try policyNV(session.handle, slot, by: slot) == 0,
            try chip.policyCommandCode(session.handle, 0x154) == 0
        else {
            chip.flush(session.handle)
            return nil
        }
        return session.handle
    }

    /// ECDH_ZGen in a session; whether the chip did it.
    func multiply(_ key: UInt32, in session: UInt32, goesOn: Bool = false) throws -> Bool {
        try chip.code(0x154, [key], [.policy(session, goesOn: goesOn)], Self.point()) == 0
    }

    /// One guess, as the vault would make it.
    func guess(_ entry: Ledger.Entry) throws -> Bool {
        try withKey(entry.allowance.key) { key in
            guard let session = try spent(entry.slot.handle) else { return false }
            if try multiply(key, in: session) { return true }
            chip.flush(session)
            return false
        } ?? false
    }

    /// Guesses until the chip refuses, but no more often than `most`.
    func guessOn(_ entry: Ledger.Entry, most: Int) throws {
        for _ in 0..<most { guard try guess(entry) else { return } }
    }

    /// Spends one guess and tries to have it served twice: in the session itself, and in copies of its context.
    func useTwice(_ entry: Ledger.Entry) throws {
        _ = try withKey(entry.allowance.key) { key in
            guard let session = try spent(entry.slot.handle) else { return }
            let saved = try chip.send(RawCommand(0x162, [session])).parameters
            guard try chip.send(RawCommand(0x161, [], [], saved)).handle == session else { return }
            for _ in 0..<2 { _ = try multiply(key, in: session, goesOn: true) }
            _ = try chip.code(0x161, [], [], saved)
            _ = try multiply(key, in: session, goesOn: true)
            chip.flush(session)
            _ = try chip.code(0x161, [], [], saved)
            _ = try multiply(key, in: session)
            chip.flush(session)
        }
    }

    /// Spends guesses and saves the sessions for later.
    func hoard(_ entry: Ledger.Entry, _ count: Int) throws -> [(context: [UInt8], key: Name)] {
        var contexts: [(context: [UInt8], key: Name)] = []
        for _ in 0..<count {
            guard let session = try spent(entry.slot.handle) else { break }
            let saved = try chip.send(RawCommand(0x162, [session]))
            if saved.succeeded { contexts.append((saved.parameters, entry.allowance.key)) } else { chip.flush(session) }
        }
        return contexts
    }

    /// Uses what was hoarded, each twice.
    func spend(_ hoard: [(context: [UInt8], key: Name)]) throws {
        for (context, name) in hoard {
            for _ in 0..<2 {
                guard let session = try chip.send(RawCommand(0x161, [], [], context)).handle else { continue }
                _ = try withKey(name) { key in try multiply(key, in: session) }
                chip.flush(session)
            }
        }
    }

    /// One person's key by another's slot: authorized by it, or over it.
    func cross(_ entry: Ledger.Entry, with other: Ledger.Entry) throws {
        _ = try withKey(entry.allowance.key) { key in
            for authority in [other.slot.handle, entry.slot.handle] {
                for index in [other.slot.handle, entry.slot.handle]
                where index != authority || index != entry.slot.handle {
                    guard let session = try chip.startSession() else { return }
                    _ = try policyNV(session.handle, index, by: authority)
                    _ = try chip.policyCommandCode(session.handle, 0x154)
                    if try !multiply(key, in: session.handle) { chip.flush(session.handle) }
                }
            }
        }
    }

    /// The slot's uncounted branch for reading, in place of spending.
    func readInsteadOfSpending(_ entry: Ledger.Entry) throws {
        _ = try withKey(entry.allowance.key) { key in
            guard
                let reading = try chip.branchSession(
                    of: entry.slot.authPolicy, for: 0x14E, recorder.witness.branches)
            else { return }
            defer { chip.flush(reading) }
            guard let session = try chip.startSession() else { return }
            _ = try chip.code(
                0x149, [entry.slot.handle, entry.slot.handle, session.handle], [.policy(reading, goesOn: true)],
                sized([0]) + [0, 0] + [0, 7])
            _ = try chip.policyCommandCode(session.handle, 0x154)
            if try !multiply(key, in: session.handle) { chip.flush(session.handle) }
        }
    }

    /// Every write of this slot that was ever seen, and the signatures before it, once more.
    func replayWrites(_ entry: Ledger.Entry) throws {
        var sent: Set<[UInt8]> = []
        for exchange in recorder.witness.stream {
            guard let command = RawCommand(exchange.command), [0x160, 0x137].contains(command.code) else { continue }
            let isOfSlot = command.code == 0x160 || command.handles.last == entry.slot.handle
            if isOfSlot, sent.insert(exchange.command).inserted { _ = try recorder.relay.inject(exchange.command) }
        }
    }

    /// Starts a session salted to the evaluation key, which multiplies and answers with a hash: known and accepted. Points
    /// off the curve must be refused.
    func saltToKey(_ entry: Ledger.Entry) throws -> (onCurve: UInt32, offCurve: UInt32)? {
        try withKey(entry.allowance.key) { key in
            var codes: [UInt32] = []
            let off = sized(sized([UInt8](repeating: 2, count: 32)) + sized([UInt8](repeating: 3, count: 32)))
            for point in [Self.point(), off] {
                let answer = try chip.send(
                    RawCommand(
                        0x176, [key, 0x4000_0007], [],
                        sized([UInt8](repeating: 1, count: 32)) + point + [0] + field(UInt16(0x0010))
                            + field(UInt16(0x000B))))
                codes.append(answer.code)
                if let handle = answer.handle { chip.flush(handle) }
            }
            return (codes[0], codes[1])
        }
    }
}
