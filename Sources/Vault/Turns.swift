import Logging
import Synchronization
import VaultAPI

/// What a turn of the vault's comes to. A call may have a second turn when the disk has what the first one wrote: the chip serves
/// others meanwhile.
enum Outcome<Reply: Sendable>: Sendable {
    case reply(Reply)
    /// The reply goes out when the disk has what was written.
    case replyOnceDurable(Reply)
    /// The call goes on when the disk has what was written; no other call of its account has a turn before.
    case onceDurable(@Sendable (isolated Vault) throws(VaultFault) -> Reply)
}

/// The calls that wait for the vault.
final class Turns: Sendable {
    typealias Turn = FairOrder<Call>.Turn

    /// A call that waits; one of the two closures is called, once.
    struct Call: Sendable {
        /// How many times what it takes is counted.
        let weight: Int
        /// Gives what is left to do when the disk has what was written.
        let run: @Sendable (isolated Vault) -> Rest?
        let refuse: @Sendable () -> Void
    }

    /// The second turn of a call; one of the two closures is called, once.
    struct Rest: Sendable {
        let run: @Sendable (isolated Vault) -> Void
        /// The disk failed.
        let fail: @Sendable () -> Void
    }

    /// How many calls that name one account may wait. A device has one call at a time, and a person few devices at once.
    static let waitingPerAccount = 8

    private struct State {
        var order = FairOrder<Call>(waitingPerAccount: Turns.waitingPerAccount)
        /// Calls whose second turn has come; they were in order already.
        var second: [(turn: Turn, rest: Rest)] = []
        /// Whether the vault is at work on the waiting calls, or was told to be.
        var isAwake = false
    }

    private let state = Mutex(State())

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

    /// The turn that is next, and what it does if it is a second one; `nil` when the vault may rest.
    func next(startingSessions: Bool) -> (turn: Turn, rest: Rest?)? {
        state.withLock { state in
            if !state.second.isEmpty {
                let (turn, rest) = state.second.removeFirst()
                return (turn, rest)
            }
            if let turn = state.order.next(startingSessions: startingSessions) { return (turn, nil) }
            state.isAwake = false
            return nil
        }
    }

    /// The call will have a second turn.
    func hold(_ turn: Turn) { state.withLock { $0.order.hold(turn) } }

    /// Its second turn has come, or never will; gives whether the vault must be woken.
    func goOn(_ turn: Turn, _ rest: Rest, isDurable: Bool) -> Bool {
        let wasAwake = state.withLock { state in
            if isDurable { state.second.append((turn, rest)) } else { state.order.release(turn) }
            defer { state.isAwake = true }
            return state.isAwake
        }
        if !isDurable { rest.fail() }
        return !wasAwake
    }

    /// Whether a call of this account's is between two turns.
    func isBetweenTwo(_ account: String) -> Bool { state.withLock { $0.order.isBetweenTwo(account) } }

    /// The second turn is over.
    func release(_ turn: Turn) { state.withLock { $0.order.release(turn) } }

    /// Counts what a turn took.
    func charge(_ time: Duration, to turn: Turn) {
        state.withLock { $0.order.charge(time, to: turn, weight: turn.call.weight) }
    }

    /// The connections whose calls wait.
    var waiting: Set<ConnectionID> { state.withLock { Set($0.order.callers.map(\.connection)) } }

    /// How many calls wait.
    var count: Int { state.withLock { $0.order.count } }
}

extension Vault {
    /// Runs `body` on the vault when its caller's turn has come; refuses it where too many calls of its account wait.
    ///
    /// - Parameters:
    ///   - startsSession: it waits also until there is room for one more session.
    ///   - isAlone: it waits until no call is between its two turns, with a line in the journal that the chip does not know of yet.
    ///   - weight: how many times what it takes is counted: who may wait gets less while others wait too.
    nonisolated func take<Reply: Sendable>(
        turnOf caller: Caller, startsSession: Bool = false, isAlone: Bool = false, weight: Int = 1,
        _ body: @escaping @Sendable (isolated Vault) throws(VaultFault) -> Outcome<Reply>
    ) async throws(VaultFault) -> Reply {
        let result = await withCheckedContinuation { (done: CheckedContinuation<Result<Reply, VaultFault>, Never>) in
            let call = Turns.Call(weight: weight, run: { $0.begin(body, done) }, refuse: { done.fail(.busy) })
            if turns.join(call, of: caller, startsSession: startsSession, isAlone: isAlone) {
                wake()
            }
        }
        return try result.get()
    }

    /// The same for what never waits for the disk, or has waited.
    nonisolated func take<Reply: Sendable>(
        turnOf caller: Caller, startsSession: Bool = false, isAlone: Bool = false, weight: Int = 1,
        _ body: @escaping @Sendable (isolated Vault) throws(VaultFault) -> Reply
    ) async throws(VaultFault) -> Reply {
        try await take(turnOf: caller, startsSession: startsSession, isAlone: isAlone, weight: weight) {
            (vault) throws(VaultFault) in .reply(try body(vault)) as Outcome<Reply>
        }
    }

    private func begin<Reply: Sendable>(
        _ body: @Sendable (isolated Vault) throws(VaultFault) -> Outcome<Reply>,
        _ done: CheckedContinuation<Result<Reply, VaultFault>, Never>
    ) -> Turns.Rest? {
        do throws(VaultFault) {
            switch try body(self) {
            case .reply(let reply): done.resume(returning: .success(reply))
            case .replyOnceDurable(let reply):
                whenDurable { isDurable in
                    if isDurable { done.resume(returning: .success(reply)) } else { done.fail(.storeUnavailable) }
                }
            case .onceDurable(let rest):
                return Turns.Rest(
                    run: { vault in
                        do throws(VaultFault) {
                            done.resume(returning: .success(try rest(vault)))
                        } catch {
                            done.fail(error)
                        }
                    }, fail: { done.fail(.storeUnavailable) })
            }
        } catch {
            done.fail(error)
        }
        return nil
    }

    private func whenDurable(_ done: @escaping @Sendable (Bool) -> Void) {
        store.whenDurable { [log] isDurable in
            if !isDurable { log.error("the store failed: the disk did not take what was written") }
            done(isDurable)
        }
    }

    nonisolated private func wake() { Task(executorPreference: thread) { await self.serve() } }

    /// Runs the waiting calls, one after another, each turn to its end. Between two of them the vault does what is not a call: a
    /// connection that has ended gives its sessions back, however many others keep the vault busy.
    private func serve() async {
        while let (turn, rest) = turns.next(
            startingSessions: sessions.hasRoom(at: .now, waiting: turns.waiting))
        {
            let begun = ContinuousClock.now
            if let rest {
                rest.run(self)
                turns.release(turn)
            } else if let rest = turn.call.run(self) {
                turns.hold(turn)
                whenDurable { [self] isDurable in
                    if turns.goOn(turn, rest, isDurable: isDurable) { wake() }
                }
            }
            let time = ContinuousClock.now - begun
            turns.charge(time, to: turn)
            metrics.chipWasBusy(time)
            if store.uncertified >= Self.mostUncertified { anchorWhenDue() }
            await Task.yield()
        }
        if turns.count == 0 { anchorWhenDue() }
        // Those who are left wait for room for a session, and there may be some merely because time goes by.
        guard turns.count > 0, !looksAgain else { return }
        looksAgain = true
        Task {
            try? await Task.sleep(for: .milliseconds(100))
            looksAgain = false
            await serve()
        }
    }
}

extension CheckedContinuation where E == Never {
    fileprivate func fail<Reply>(_ fault: VaultFault) where T == Result<Reply, VaultFault> {
        resume(returning: .failure(fault))
    }
}
