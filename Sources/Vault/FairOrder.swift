import VaultAPI

/// Who makes a call.
struct Caller: Hashable, Sendable {
    let connection: ConnectionID
    /// The account it names, where it names one.
    let account: Account?
}

/// The order in which waiting calls reach the chip: all who wait get the same part of its time, however many calls they
/// have and however long each of them takes (start-time fair queueing, with a clock that runs as slowly as there are
/// shares).
///
/// A call counts for the account it names and for its connection. Each of them has a mark: the time on the order's clock
/// up to which it was served. A call begins at the later of the two marks, and not before the time at which it came; the
/// one that begins first is next. The attacks:
/// - One account asks over many connections: all its calls move one mark.
/// - One connection names another account in each call: it has a mark of its own.
/// - Somebody connects anew for each call, and so has no mark: who comes begins at the clock's time, which each call moves
///   on. So nobody waits behind newcomers for longer than he was served himself.
struct FairOrder<Call> {
    /// A call whose turn has come.
    struct Turn {
        let call: Call
        let caller: Caller
        fileprivate let beginning: Duration
    }

    private struct Waiting {
        let call: Call
        let caller: Caller
        let startsSession: Bool
        let isAlone: Bool
        let came: Duration
        /// What had been served, and the clock, when others first went before it though it was its turn.
        var passed: (served: Duration, clock: Duration)?
        /// When there first was none to take though it was its turn.
        var deferredAt: ContinuousClock.Instant?
    }

    private enum Party: Hashable {
        case account(Account)
        case connection(ConnectionID)
    }

    private let waitingPerAccount: Int
    /// In the order in which they came.
    private var waiting: [Waiting] = []
    /// Calls that are not over with their turn, by the accounts that they name.
    private var held: [Account: Caller] = [:]
    private var marks: [Party: Duration] = [:]
    /// When it would have been the turn of those who let others go first: their next call counts as one that came then.
    private var forgiven: [Party: Duration] = [:]
    private var clock = Duration.zero
    /// What all turns took.
    private var served = Duration.zero
    /// Whether the last `next` gave none because one that costs less may come.
    private(set) var isDeferring = false

    /// At most `waitingPerAccount` calls that name one account wait. A connection has one call at a time.
    init(waitingPerAccount: Int) { self.waitingPerAccount = waitingPerAccount }

    /// Whose calls wait, or are held.
    var callers: [Caller] { waiting.map(\.caller) + held.values }

    /// How many calls wait.
    var count: Int { waiting.count }

    /// Lets a call wait. Gives the call that must go for it, which may be the new one: where the account has as many as it
    /// may, it is one of the connection that was served most, so that a flood does not keep the person's own device out.
    ///
    /// One that `isAlone` waits until no call is held.
    mutating func join(
        _ call: Call, of caller: Caller, startsSession: Bool = false, isAlone: Bool = false
    ) -> Call? {
        let came = forgiven.removeValue(forKey: Self.share(of: caller)) ?? clock
        waiting.append(
            Waiting(
                call: call, caller: caller, startsSession: startsSession, isAlone: isAlone, came: min(came, clock)))
        guard let account = caller.account else { return nil }
        let ofAccount = waiting.indices.filter { waiting[$0].caller.account == account }
        guard ofAccount.count > waitingPerAccount else { return nil }
        let served = ofAccount.map { (index: $0, mark: mark(.connection(waiting[$0].caller.connection))) }
        // The latest of those that were served most.
        let last = served.reversed().max { $0.mark < $1.mark }
        return last.map { waiting.remove(at: $0.index).call }
    }

    /// For how long others may go before the call whose turn it is, and how much more than it they may have been served.
    static var advance: Duration { .milliseconds(200) }

    /// Takes out the call that is next; without `startingSessions` only one that starts no session. None of an account that has a
    /// call held.
    ///
    /// Where that one would cost the chip more than others, as `isCostly` says, one that does not goes first, within `advance`: so long a
    /// call lets others go, from when it is its turn, and what its caller is behind is owed. So in the end nobody gets more of the chip's time for being
    /// cheap. Where none is there and one may come soon, there is none to take, for as long as `deferral`.
    mutating func next(
        startingSessions: Bool = true, at now: ContinuousClock.Instant = .now, deferral: Duration = .zero,
        cheapMayCome: @Sendable (_ held: [Caller]) -> Bool = { _ in false },
        isCostly: @Sendable (Caller, _ startsSession: Bool) -> Bool = { _, _ in false }
    ) -> Turn? {
        let candidates = waiting.indices
            .filter { startingSessions || !waiting[$0].startsSession }
            .filter { waiting[$0].caller.account.map { held[$0] == nil } ?? true }
            .map { (index: $0, beginning: beginning(of: waiting[$0]), mark: ownMark(of: waiting[$0])) }
        isDeferring = false
        // Among calls of one account, the connection that was served least.
        guard let first = candidates.min(by: { ($0.beginning, $0.mark) < ($1.beginning, $1.mark) }) else { return nil }
        // Nothing new begins before it, or it would wait for ever.
        guard held.isEmpty || !waiting[first.index].isAlone else { return nil }
        var chosen = first
        let passed = waiting[first.index].passed ?? (served, clock)
        if served - passed.served < Self.advance,
            isCostly(waiting[first.index].caller, waiting[first.index].startsSession)
        {
            let cheap = candidates.filter { other in
                other.beginning <= first.beginning + Self.advance && !waiting[other.index].isAlone
                    && !isCostly(waiting[other.index].caller, waiting[other.index].startsSession)
            }
            if let next = cheap.min(by: { ($0.beginning, $0.mark) < ($1.beginning, $1.mark) }) {
                waiting[first.index].passed = passed
                chosen = next
            } else if case let deferredAt = waiting[first.index].deferredAt ?? now, deferredAt + deferral > now,
                cheapMayCome(Array(held.values))
            {
                waiting[first.index].deferredAt = deferredAt
                isDeferring = true
                return nil
            }
        }
        let taken = waiting.remove(at: chosen.index)
        if let passed = taken.passed { forgiven[Self.share(of: taken.caller)] = passed.clock }
        return Turn(call: taken.call, caller: taken.caller, beginning: chosen.beginning)
    }

    /// The call of this turn, if it names an account, is not over with it.
    mutating func hold(_ turn: Turn) {
        if let account = turn.caller.account { held[account] = turn.caller }
    }

    /// Whether a call that names this account is.
    func isHeld(_ account: String) -> Bool { held.keys.contains { $0.id == account } }

    /// It is over now, and all its turns were counted.
    mutating func release(_ turn: Turn) {
        if let account = turn.caller.account { held[account] = nil }
        beginAnew()
    }

    /// Whether nobody waits or is held.
    var isIdle: Bool { waiting.isEmpty && held.isEmpty }

    /// Where nobody was kept waiting nobody owes anything. Not while a call has turns to come: they are counted by this clock.
    private mutating func beginAnew() {
        guard isIdle else { return }
        marks = [:]
        forgiven = [:]
        clock = .zero
    }

    /// Counts what a turn took, for its parties `weight` times that. To be called when the turn is over, before the next one.
    mutating func charge(_ time: Duration, to turn: Turn, weight: Int = 1) {
        served += time
        guard !isIdle else { return beginAnew() }
        for party in Self.parties(of: turn.caller) {
            marks[party] = max(mark(party), turn.beginning) + time * weight
        }
        let shares = Set((callers + [turn.caller]).map(Self.share))
        clock += time / shares.count
        // A mark that the clock has passed says nothing any more, but to calls that came before that.
        let present = Set(callers.flatMap(Self.parties))
        marks = marks.filter { $0.value > clock || present.contains($0.key) }
        forgiven = forgiven.filter { $0.value + Self.advance > clock }
    }

    private func mark(_ party: Party) -> Duration { marks[party] ?? .zero }

    private func ownMark(of call: Waiting) -> Duration { mark(.connection(call.caller.connection)) }

    private func beginning(of call: Waiting) -> Duration {
        Self.parties(of: call.caller).reduce(call.came) { max($0, mark($1)) }
    }

    private static func parties(of caller: Caller) -> [Party] {
        [.connection(caller.connection)] + (caller.account.map { [.account($0)] } ?? [])
    }

    /// What a call has its part of the chip's time for.
    private static func share(of caller: Caller) -> Party {
        caller.account.map { .account($0) } ?? .connection(caller.connection)
    }
}

extension FairOrder.Turn: Sendable where Call: Sendable {}
