import Logging
import Synchronization
import TPMDevice
import VaultAPI

/// What is to be done next for a call. Only a turn of the vault's asks the chip. What the store alone is needed for is done beside it,
/// so that the chip works for others meanwhile; until the reply no other call of its account has a turn.
indirect enum Step<Reply: Sendable>: Sendable {
    case reply(Reply)
    /// Reads and writes the store.
    case store(@Sendable () throws(VaultFault) -> Step)
    /// Goes on when the disk has what was written.
    case onceDurable(Step)
    case turn(@Sendable (isolated Vault) throws(VaultFault) -> Step)
}

/// The calls that wait for the vault.
final class Turns: Sendable {
    typealias Turn = FairOrder<Call>.Turn

    /// A call that waits; one of the two closures is called, once.
    struct Call: Sendable {
        /// How many times what it takes is counted.
        let weight: Int
        let run: @Sendable (isolated Vault) -> Next
        let refuse: @Sendable () -> Void
    }

    /// A step of whatever call.
    enum Next: Sendable {
        /// It was replied to.
        case over
        case store(@Sendable () -> Next)
        case onceDurable(@Sendable () -> Next, fail: @Sendable () -> Void)
        case turn(@Sendable (isolated Vault) -> Next)
    }

    /// How many calls that name one account may wait. A device has one call at a time, and a person few devices at once.
    static let waitingPerAccount = 8
    /// For how long a chip waits at most for a device whose session it has, before it saves that for somebody else.
    static let longestDeferral = Duration.milliseconds(5)

    private struct State {
        /// Never given out: it has no lock of its own.
        let order = FairOrder<Call>(waitingPerAccount: Turns.waitingPerAccount)
        /// Calls whose next turn has come; they were in order already.
        var further: [(turn: Turn, run: @Sendable (isolated Vault) -> Next)] = []
        /// Whether the vault is at work on the waiting calls, or was told to be.
        var isAwake = false
    }

    private let state = Mutex(State())
    /// What is done beside the vault, one thing after another.
    private let beside = JobQueue(thread: "tenpin-store")

    deinit { beside.close() }

    /// Lets a call wait; gives whether the vault must be woken for it.
    func join(_ call: Call, of caller: Caller, startsSession: Bool, isAlone: Bool) -> Bool {
        let (refused, wasAwake) = state.withLock { state in
            let refused = state.order.join(call, of: caller, startsSession: startsSession, isAlone: isAlone)
            defer { state.isAwake = true }
            return (refused, state.isAwake)
        }
        refused?.refuse()
        return !wasAwake
    }

    /// The turn that is next, and what it does if it is not the call's first one; `nil` when the vault may rest.
    func next(
        startingSessions: Bool, deferral: Duration, cheapMayCome: @escaping @Sendable ([Caller]) -> Bool,
        isCostly: @escaping @Sendable (Caller, Bool) -> Bool
    ) -> (turn: Turn, run: (@Sendable (isolated Vault) -> Next)?)? {
        state.withLock { state in
            if !state.further.isEmpty {
                let (turn, run) = state.further.removeFirst()
                return (turn, run)
            }
            let turn = state.order.next(
                startingSessions: startingSessions, deferral: deferral, cheapMayCome: cheapMayCome, isCostly: isCostly)
            if let turn { return (turn, nil) }
            state.isAwake = false
            return nil
        }
    }

    /// The call is not over with its first turn.
    func hold(_ turn: Turn) { state.withLock { $0.order.hold(turn) } }

    /// Its next turn has come; gives whether the vault must be woken for it.
    func goOn(_ turn: Turn, _ run: @escaping @Sendable (isolated Vault) -> Next) -> Bool {
        state.withLock { state in
            state.further.append((turn, run))
            defer { state.isAwake = true }
            return !state.isAwake
        }
    }

    /// Does what needs no turn.
    func doBeside(_ body: @escaping @Sendable () -> Void) { beside.append(body) }

    /// Whether a call of this account's is not over with its first turn.
    func isUnderWay(_ account: String) -> Bool { state.withLock { $0.order.isHeld(account) } }

    /// It is over now; gives whether the vault must be woken for those who waited for that, or for what it does when nobody waits.
    func release(_ turn: Turn) -> Bool {
        state.withLock { state in
            state.order.release(turn)
            guard !state.isAwake, state.order.count > 0 || state.order.isIdle else { return false }
            state.isAwake = true
            return true
        }
    }

    /// Counts what a turn took.
    func charge(_ time: Duration, to turn: Turn) {
        state.withLock { $0.order.charge(time, to: turn, weight: turn.call.weight) }
    }

    /// The connections whose calls wait.
    var waiting: Set<ConnectionID> { state.withLock { Set($0.order.callers.map(\.connection)) } }

    /// Whether calls wait though they might have a turn, because one that costs less may come.
    var isDeferring: Bool { state.withLock { $0.order.isDeferring } }

    /// Whether no call waits or is under way.
    var isIdle: Bool { state.withLock { $0.order.isIdle } }

    /// How many calls wait.
    var count: Int { state.withLock { $0.order.count } }
}

extension Vault {
    /// Runs `body` on the vault when its caller's turn has come, and then its further steps; refuses it where too many calls of its
    /// account wait.
    ///
    /// - Parameters:
    ///   - startsSession: it waits also until there is room for one more session.
    ///   - isAlone: it waits until no other call is under way, with a line in the journal that the chip does not know of yet.
    ///   - weight: how many times what it takes is counted: who may wait gets less while others wait too.
    nonisolated func take<Reply: Sendable>(
        turnOf caller: Caller, startsSession: Bool = false, isAlone: Bool = false, weight: Int = 1,
        _ body: @escaping @Sendable (isolated Vault) throws(VaultFault) -> Step<Reply>
    ) async throws(VaultFault) -> Reply {
        let result = await withCheckedContinuation { (done: CheckedContinuation<Result<Reply, VaultFault>, Never>) in
            let call = Turns.Call(
                weight: weight, run: { vault in Self.next(done) { () throws(VaultFault) in try body(vault) } },
                refuse: { done.fail(.busy) })
            if turns.join(call, of: caller, startsSession: startsSession, isAlone: isAlone) { wake() }
        }
        return try result.get()
    }

    /// The same for what has only one step.
    nonisolated func take<Reply: Sendable>(
        turnOf caller: Caller, startsSession: Bool = false, isAlone: Bool = false, weight: Int = 1,
        _ body: @escaping @Sendable (isolated Vault) throws(VaultFault) -> Reply
    ) async throws(VaultFault) -> Reply {
        try await take(turnOf: caller, startsSession: startsSession, isAlone: isAlone, weight: weight) {
            (vault) throws(VaultFault) in .reply(try body(vault)) as Step<Reply>
        }
    }

    /// Takes a step, and gives the one after it.
    private static func next<Reply: Sendable>(
        _ done: CheckedContinuation<Result<Reply, VaultFault>, Never>, _ step: () throws(VaultFault) -> Step<Reply>
    ) -> Turns.Next {
        let next: Step<Reply>
        do throws(VaultFault) {
            next = try step()
        } catch {
            done.fail(error)
            return .over
        }
        switch next {
        case .reply(let reply):
            done.resume(returning: .success(reply))
            return .over
        case .store(let body): return .store { Self.next(done, body) }
        case .onceDurable(let step):
            return .onceDurable({ Self.next(done) { step } }, fail: { done.fail(.storeUnavailable) })
        case .turn(let body):
            return .turn { vault in Self.next(done) { () throws(VaultFault) in try body(vault) } }
        }
    }

    /// Sees to the further steps of a call.
    nonisolated private func follow(_ turn: Turns.Turn, _ next: Turns.Next) {
        switch next {
        case .over: if turns.release(turn) { wake() }
        case .turn(let run): if turns.goOn(turn, run) { wake() }
        case .store(let body): turns.doBeside { [self] in follow(turn, body()) }
        case .onceDurable(let step, let fail):
            store.whenDurable { [self] isDurable in
                guard !isDurable else { return follow(turn, step()) }
                log.error("the store failed: the disk did not take what was written")
                fail()
                follow(turn, .over)
            }
        }
    }

    nonisolated private func wake() { Task(executorPreference: thread) { await self.serve() } }

    /// Runs the waiting calls, one after another, each turn to its end. Between two of them the vault does what is not a call: a
    /// connection that has ended gives its sessions back, however many others keep the vault busy.
    private func serve() async {
        while let (turn, further) = turns.next(
            startingSessions: sessions.hasRoom(at: .now, waiting: turns.waiting),
            deferral: deferral,
            cheapMayCome: { [sessions, deferral] held in
                sessions.mayBeUsed(soonAfter: .now, within: deferral, orBy: held.map(\.connection))
            },
            isCostly: { [sessions] in sessions.displaces($0.connection, startsSession: $1) })
        {
            let begun = ContinuousClock.now
            let next = (further ?? turn.call.run)(self)
            let isHeld = further != nil || !next.isOver
            if isHeld { turns.hold(turn) }
            let time = ContinuousClock.now - begun
            turns.charge(time, to: turn)
            metrics.chipWasBusy(time)
            // What names nobody is a probe's or an audit's, or the end of a connection.
            if turn.caller.account != nil { servedAt = .now }
            if isHeld { follow(turn, next) }
            if store.uncertified >= Self.mostUncertified { anchorWhenDue() }
            await Task.yield()
        }
        if turns.isIdle {
            anchorWhenDue()
            restLater()
        }
        guard turns.count > 0 else { return }
        if turns.isDeferring {
            Task { [deferral] in
                try? await Task.sleep(for: deferral)
                await serve()
            }
            return
        }
        // Those who are left wait for room for a session, and there may be some merely because time goes by.
        guard !looksAgain else { return }
        looksAgain = true
        Task {
            try? await Task.sleep(for: .milliseconds(100))
            looksAgain = false
            await serve()
        }
    }

    /// A session that is saved and loaded again costs two commands, and to wait for less than one is worth it.
    private var deferral: Duration { min(chip.pace, Turns.longestDeferral) }
}

extension Turns.Next {
    fileprivate var isOver: Bool { if case .over = self { true } else { false } }
}

extension CheckedContinuation where E == Never {
    fileprivate func fail<Reply>(_ fault: VaultFault) where T == Result<Reply, VaultFault> {
        resume(returning: .failure(fault))
    }
}
