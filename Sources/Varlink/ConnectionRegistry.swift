import NIOCore
import Synchronization

/// The connections a server has, counted before each is let in, and waited for when the server ends.
final class ConnectionRegistry: Sendable {
    /// One connection's place; it counts until the conversation has ended, even when the peer is long gone.
    struct Ticket: Hashable {
        fileprivate let number: UInt64
    }

    private struct Entry {
        let uid: UInt32
        let channel: any Channel
        let drain: @Sendable () -> Void
    }

    private struct State {
        var isOpen = true
        var nextNumber: UInt64 = 0
        var entries: [Ticket: Entry] = [:]
        var waiting: [UInt64: EventLoopPromise<Bool>] = [:]

        mutating func number() -> UInt64 {
            nextNumber += 1
            return nextNumber
        }
    }

    private let limits: VarlinkLimits
    private let state = Mutex(State())

    init(limits: VarlinkLimits) { self.limits = limits }

    /// Lets a connection in, or says why not. `drain` asks it to end after the call under way.
    func admit(
        uid: UInt32, channel: any Channel, drain: @escaping @Sendable () -> Void
    ) throws(Refusal) -> Ticket {
        let answer: Result<Ticket, Refusal> = state.withLock { state in
            guard state.isOpen else { return .failure(Refusal(fault: .shuttingDown)) }
            guard state.entries.count < limits.connections else {
                return .failure(Refusal(fault: .tooManyConnections(limit: limits.connections)))
            }
            guard state.entries.values.count(where: { $0.uid == uid }) < limits.connectionsPerUser else {
                return .failure(Refusal(fault: .tooManyConnections(limit: limits.connectionsPerUser)))
            }
            let ticket = Ticket(number: state.number())
            state.entries[ticket] = Entry(uid: uid, channel: channel, drain: drain)
            return .success(ticket)
        }
        return try answer.get()
    }

    /// Why a connection is not let in.
    struct Refusal: Error {
        let fault: TransportFault
    }

    /// Gives a place back.
    func leave(_ ticket: Ticket) {
        let finished = state.withLock { state in
            state.entries[ticket] = nil
            guard !state.isOpen, state.entries.isEmpty else { return [EventLoopPromise<Bool>]() }
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for promise in finished { promise.succeed(true) }
    }

    /// Lets nobody in any more and asks every connection to end; after `limit` it closes what is left.
    ///
    /// Gives whether all conversations ended in time.
    func drain(within limit: Duration, on eventLoop: any EventLoop) async -> Bool {
        let promise = eventLoop.makePromise(of: Bool.self)
        let (number, entries) = state.withLock { state in
            state.isOpen = false
            let number = state.number()
            if state.entries.isEmpty {
                promise.succeed(true)
            } else {
                state.waiting[number] = promise
            }
            return (number, Array(state.entries.values))
        }
        for entry in entries { entry.drain() }
        let alarm = eventLoop.scheduleTask(in: TimeAmount(limit)) {
            let left = self.state.withLock { state in
                guard state.waiting.removeValue(forKey: number) != nil else { return [Entry]() }
                promise.succeed(false)
                return Array(state.entries.values)
            }
            for entry in left { entry.channel.close(mode: .all, promise: nil) }
        }
        defer { alarm.cancel() }
        return (try? await promise.futureResult.get()) ?? false
    }
}
