import Dispatch
import Foundation
import Synchronization

/// Waits for calls that may never return. A thread makes them one after another; one that is late is left behind, and its
/// thread with it.
final class Patience: Sendable {
    private let seconds: TimeInterval
    private let caller = Mutex<JobQueue?>(nil)
    /// Calls that were left behind and have not returned.
    private let behind = Mutex(0)

    /// At most so many threads wait for nothing: a chip that hangs for days must not use up the host's.
    static let limit = 4

    init(seconds: TimeInterval) { self.seconds = seconds }

    deinit { leaveCaller() }

    /// Runs `body`, and gives up after the time there is: then `whenLate` may wake it, and nobody takes its result.
    func wait<R: Sendable>(
        for body: @escaping @Sendable () throws(ChipError) -> R, whenLate: () -> Void = {}
    ) throws(ChipError) -> R {
        guard behind.withLock({ $0 < Self.limit }) else {
            throw .unreachable("\(Self.limit) earlier calls are still waiting for it")
        }
        let answer = Answer<R>()
        call { [self] in
            if answer.give(Result(catching: body)) { behind.withLock { $0 -= 1 } }
        }
        if let result = answer.wait(seconds) { return try result.get() }
        behind.withLock { $0 += 1 }
        // Given at the last moment, it is taken all the same.
        if let result = answer.abandon() {
            behind.withLock { $0 -= 1 }
            return try result.get()
        }
        leaveCaller()
        whenLate()
        throw .unreachable("no answer in \(Int(seconds)) seconds")
    }

    private func call(_ job: @escaping @Sendable () -> Void) {
        caller.withLock { caller in
            let queue = caller ?? JobQueue(thread: "tenpin-tcti")
            caller = queue
            queue.append(job)
        }
    }

    /// Its thread ends when the call that it makes returns; the next call gets another one.
    private func leaveCaller() {
        caller.withLock { caller in
            caller?.close()
            caller = nil
        }
    }
}

/// What one thread gives and another waits for.
private final class Answer<R: Sendable>: Sendable {
    private struct State {
        var result: Result<R, ChipError>?
        var isAbandoned = false
    }

    private let state = Mutex(State())
    private let given = DispatchSemaphore(value: 0)

    /// Gives the result; whether nobody waits for it any more.
    func give(_ result: Result<R, ChipError>) -> Bool {
        let isAbandoned = state.withLock { state in
            state.result = result
            return state.isAbandoned
        }
        given.signal()
        return isAbandoned
    }

    /// `nil` when it took longer than `patience` seconds.
    func wait(_ patience: TimeInterval) -> Result<R, ChipError>? {
        guard given.wait(timeout: .now() + patience) == .success else { return nil }
        return state.withLock { $0.result }
    }

    /// Nobody waits any more, unless the result is there by now.
    func abandon() -> Result<R, ChipError>? {
        state.withLock { state in
            state.isAbandoned = state.result == nil
            return state.result
        }
    }
}
