import NIOCore
import Synchronization

/// The connections a server has, counted before each is let in, and waited for when the server ends.
final class ConnectionRegistry: Sendable {
    /// One connection's place; it counts until the conversation has ended, even when the peer is long gone.
    struct Ticket: Hashable {
        fileprivate let number: UInt64
    }

    /// Who a connection counts for.
    enum Party: Hashable {
        /// A user of this machine.
        case user(UInt32)
        /// Whoever came from this network address and has not said who it is: 4 bytes, or the first 8 of IPv6, since whoever
        /// has one address there has 2^64 of them.
        case stranger([UInt8])
        /// Whom the service knows by this name. Bytes: two names that look the same are not one party, or one could use up
        /// the other's places.
        case known([UInt8])
        /// A program that speaks for many, by this name.
        case gateway(String)
    }

    fileprivate struct Entry {
        let party: Party
        let channel: any Channel
        let asks: Requests
        /// Since when no call of it is under way; `nil` while one is.
        var idleSince: ContinuousClock.Instant?
        /// It lost its place to another, and goes.
        var isLeaving = false
    }

    /// What a registry asks of a connection, from any thread.
    struct Requests: Sendable {
        /// To end after the call under way.
        let drain: @Sendable () -> Void
        /// To end now, unless a call has begun meanwhile.
        let makeRoom: @Sendable () -> Void
    }

    fileprivate struct State {
        var isOpen = true
        var pace: ArrivalPace
        var nextNumber: UInt64 = 0
        var entries: [Ticket: Entry] = [:]
        var waiting: [UInt64: EventLoopPromise<Bool>] = [:]

        mutating func number() -> UInt64 {
            nextNumber += 1
            return nextNumber
        }
    }

    private let limits: VarlinkLimits
    private let state: Mutex<State>

    init(limits: VarlinkLimits) {
        self.limits = limits
        state = Mutex(
            State(pace: ArrivalPace(burst: limits.arrivalsAtOnce, perSecond: limits.arrivalsPerSecond)))
    }

    /// How many connections there are.
    var count: Int { state.withLock { $0.entries.count } }

    /// Lets a connection in, or says why not.
    func admit(
        _ party: Party, channel: any Channel, asks: Requests, at now: ContinuousClock.Instant = .now
    ) throws(Refusal) -> Ticket {
        let (answer, loser): (Result<Ticket, Refusal>, Entry?) = state.withLock { state in
            guard state.isOpen else { return (.failure(Refusal(fault: .shuttingDown)), nil) }
            if case .stranger(let address) = party, !state.pace.admits(address, at: now) {
                return (.failure(Refusal(fault: .tooManyConnections(limit: limits.arrivalsAtOnce))), nil)
            }
            var loser: Entry?
            if let full = state.full(for: party, limits) {
                guard let ticket = state.loser(to: party, limits, at: now) else {
                    return (.failure(Refusal(fault: .tooManyConnections(limit: full))), nil)
                }
                state.entries[ticket]?.isLeaving = true
                loser = state.entries[ticket]
            }
            let ticket = Ticket(number: state.number())
            state.entries[ticket] = Entry(party: party, channel: channel, asks: asks, idleSince: now)
            return (.success(ticket), loser)
        }
        loser?.asks.makeRoom()
        return try answer.get()
    }

    /// A call of the connection is under way from now on, or none is.
    func note(_ ticket: Ticket, isIdle: Bool, at now: ContinuousClock.Instant = .now) {
        state.withLock { $0.entries[ticket]?.idleSince = isIdle ? now : nil }
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
        for entry in entries { entry.asks.drain() }
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

extension VarlinkLimits {
    /// How many connections may be this party's.
    fileprivate func connections(of party: ConnectionRegistry.Party) -> Int {
        switch party {
        case .user, .gateway: connectionsPerUser
        case .stranger: strangersPerAddress
        case .known: connectionsPerName
        }
    }
}

extension ConnectionRegistry.State {
    /// How many that lost their place may still be going at a time.
    private static let leaving = 16

    /// The limit that leaves no place for one more connection of this party, if one does.
    fileprivate func full(for party: ConnectionRegistry.Party, _ limits: VarlinkLimits) -> Int? {
        let staying = entries.values.filter { !$0.isLeaving }
        if staying.count >= limits.connections { return limits.connections }
        let most = limits.connections(of: party)
        return staying.count { $0.party == party } >= most ? most : nil
    }

    /// Who must make room for a connection of this party. The attack: 1. somebody opens as many connections as there are
    /// and lets them lie; 2. nobody else is let in. So the party with the most connections loses the one that has been idle
    /// longest; to a newer one of the same party only one that was idle for long.
    fileprivate func loser(
        to party: ConnectionRegistry.Party, _ limits: VarlinkLimits, at now: ContinuousClock.Instant
    ) -> ConnectionRegistry.Ticket? {
        guard entries.values.count(where: \.isLeaving) < Self.leaving else { return nil }
        let staying = entries.filter { !$0.value.isLeaving }
        let counts = staying.values.reduce(into: [ConnectionRegistry.Party: Int]()) { $0[$1.party, default: 0] += 1 }
        let (own, most) = (counts[party, default: 0], counts.values.max() ?? 0)
        // Where many have equally many, the longest idle of all: a crowd pushes nobody out before it has come once around.
        let isOwn = own >= limits.connections(of: party) || own >= most
        let idle = staying.compactMap { entry in
            (isOwn ? entry.value.party == party : counts[entry.value.party] == most)
                ? entry.value.idleSince.map { (ticket: entry.key, since: $0) } : nil
        }
        guard let longest = idle.min(by: { $0.since < $1.since }) else { return nil }
        return !isOwn || longest.since + limits.safelyIdle <= now ? longest.ticket : nil
    }
}
