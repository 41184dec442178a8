import Synchronization
import VaultAPI

/// The calls that wait for the vault.
final class Turns: Sendable {
    /// A call that waits; one of the two closures is called, once.
    struct Call: Sendable {
        /// How many times what it takes is counted.
        let weight: Int
        let run: @Sendable (isolated Vault) -> Void
        let refuse: @Sendable () -> Void
    }

    /// How many calls that name one account may wait. A device has one call at a time, and a person few devices at once.
    static let waitingPerAccount = 8

    private struct State {
        var order = FairOrder<Call>(waitingPerAccount: Turns.waitingPerAccount)
        /// Whether the vault is at work on the waiting calls, or was told to be.
        var isAwake = false
    }

    private let state = Mutex(State())

    /// Lets a call wait; gives whether the vault must be woken for it.
    func join(_ call: Call, of caller: Caller, startsSession: Bool) -> Bool {
        let (refused, wasAwake) = state.withLock { state in
            let refused = state.order.join(call, of: caller, startsSession: startsSession)
            defer { state.isAwake = true }
            return (refused, state.isAwake)
        }
        refused?.refuse()
        return !wasAwake
    }

    /// The call that is next; `nil` when the vault may rest.
    func next(startingSessions: Bool) -> FairOrder<Call>.Turn? {
        state.withLock { state in
            let turn = state.order.next(startingSessions: startingSessions)
            if turn == nil { state.isAwake = false }
            return turn
        }
    }

    /// Counts what a turn took.
    func charge(_ time: Duration, to turn: FairOrder<Call>.Turn) {
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
    ///   - weight: how many times what it takes is counted: who may wait gets less while others wait too.
    nonisolated func take<Reply: Sendable>(
        turnOf caller: Caller, startsSession: Bool = false, weight: Int = 1,
        _ body: @escaping @Sendable (isolated Vault) throws(VaultFault) -> Reply
    ) async throws(VaultFault) -> Reply {
        let result = await withCheckedContinuation { (done: CheckedContinuation<Result<Reply, VaultFault>, Never>) in
            let call = Turns.Call(
                weight: weight,
                run: { vault in
                    do throws(VaultFault) {
                        done.resume(returning: .success(try body(vault)))
                    } catch {
                        done.resume(returning: .failure(error))
                    }
                }, refuse: { done.resume(returning: .failure(.busy)) })
            if turns.join(call, of: caller, startsSession: startsSession) { Task { await self.serve() } }
        }
        return try result.get()
    }

    /// Runs the waiting calls, one after another, each to its end. Between two of them the vault does what is not a call: a
    /// connection that has ended gives its sessions back, however many others keep the vault busy.
    private func serve() async {
        while let turn = turns.next(startingSessions: sessions.hasRoom(at: .now, waiting: turns.waiting)) {
            let begun = ContinuousClock.now
            turn.call.run(self)
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
