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
final class FairOrder<Call> {
    /// A call whose turn has come.
    struct Turn {
        let call: Call
        let caller: Caller
        fileprivate let beginning: Duration
        /// How often the order had begun anew by then.
        fileprivate let epoch: Int
    }

    private struct Waiting {
        let call: Call
        let caller: Caller
        let marks: Marks
        let startsSession: Bool
        let isAlone: Bool
        let came: Duration
        /// What had been served, and the clock, when others first went before it though it was its turn.
        var passed: (served: Duration, clock: Duration)?
        /// When there first was none to take though it was its turn.
        var deferredAt: ContinuousClock.Instant?

        var beginning: Duration { max(came, marks.connection.time, marks.account?.time ?? .zero) }
        /// What is before others is less; among calls of one account, that of the connection that was served least.
        var rank: (beginning: Duration, mark: Duration) { (beginning, marks.connection.time) }
        var isHeldUp: Bool { marks.account?.isHeld ?? false }
    }

    private enum Party: Hashable {
        case account(Account)
        case connection(ConnectionID)
    }

    /// What is known of a party while calls wait that count for it, which refer to it.
    private final class Mark {
        /// Up to which it was served.
        var time = Duration.zero
        /// How many calls that wait or are held count for it.
        var calls = 0
        /// How many of them have their part of the chip's time by it.
        var shares = 0
        /// Whether a call of this account is not over with its turn.
        var isHeld = false
    }

    private struct Marks {
        let connection: Mark
        let account: Mark?
        /// What a call has its part of the chip's time for.
        var share: Mark { account ?? connection }
    }

    private let waitingPerAccount: Int
    /// In the order in which they came.
    private var waiting: [Waiting] = []
    /// Calls that are not over with their turn, by the accounts that they name.
    private var held: [Account: Caller] = [:]
    private var marks: [Party: Mark] = [:]
    /// How many marks have shares.
    private var shares = 0
    /// When it would have been the turn of those who let others go first: their next call counts as one that came then.
    private var forgiven: [Party: Duration] = [:]
    private var clock = Duration.zero
    /// How often marks and clock began anew.
    private var epoch = 0
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
    /// may, it is one of the connection that was served most, as far as that is known.
    ///
    /// One that `isAlone` waits until no call is held.
    func join(
        _ call: Call, of caller: Caller, startsSession: Bool = false, isAlone: Bool = false
    ) -> Call? {
        let came = forgiven.removeValue(forKey: Self.share(of: caller)) ?? clock
        let marks = marks(of: caller)
        enter(marks)
        waiting.append(
            Waiting(
                call: call, caller: caller, marks: marks, startsSession: startsSession, isAlone: isAlone,
                came: min(came, clock)))
        guard let account = marks.account else { return nil }
        let ofAccount = waiting.indices.filter { waiting[$0].marks.account === account }
        guard ofAccount.count > waitingPerAccount else { return nil }
        // The latest of those that were served most.
        let last = ofAccount.reversed().max {
            waiting[$0].marks.connection.time < waiting[$1].marks.connection.time
        }
        return last.map { remove(at: $0).call }
    }

    /// For how long others may go before the call whose turn it is, and how much more than it they may have been served.
    static var advance: Duration { .milliseconds(200) }

    /// Takes out the call that is next; without `startingSessions` only one that starts no session. None of an account that has a
    /// call held.
    ///
    /// Where that one would cost the chip more than others, as `isCostly` says, one that does not goes first, within `advance`: so long a
    /// call lets others go, from when it is its turn, and what its caller is behind is owed. So among callers who stay nobody gets more of the chip's
    /// time for being cheap. Where none is there and one may come soon, there is none to take, for as long as `deferral`.
    func next(
        startingSessions: Bool = true, at now: ContinuousClock.Instant = .now, deferral: Duration = .zero,
        cheapMayCome: @Sendable (_ held: [Caller]) -> Bool = { _ in false },
        isCostly: @Sendable (Caller, _ startsSession: Bool) -> Bool = { _, _ in false }
    ) -> Turn? {
        let candidates = waiting.indices
            .filter { (startingSessions || !waiting[$0].startsSession) && !waiting[$0].isHeldUp }
        isDeferring = false
        guard let first = candidates.min(by: { waiting[$0].rank < waiting[$1].rank }) else { return nil }
        // Nothing new begins before it, or it would wait for ever.
        guard held.isEmpty || !waiting[first].isAlone else { return nil }
        var chosen = first
        let passed = waiting[first].passed ?? (served, clock)
        if served - passed.served < Self.advance, isCostly(waiting[first].caller, waiting[first].startsSession) {
            let last = waiting[first].beginning + Self.advance
            let cheap = candidates.filter { other in
                waiting[other].beginning <= last && !waiting[other].isAlone
                    && !isCostly(waiting[other].caller, waiting[other].startsSession)
            }
            if let next = cheap.min(by: { waiting[$0].rank < waiting[$1].rank }) {
                waiting[first].passed = passed
                chosen = next
            } else if case let deferredAt = waiting[first].deferredAt ?? now, deferredAt + deferral > now,
                cheapMayCome(Array(held.values))
            {
                waiting[first].deferredAt = deferredAt
                isDeferring = true
                return nil
            }
        }
        let taken = remove(at: chosen)
        if let passed = taken.passed { forgiven[Self.share(of: taken.caller)] = passed.clock }
        return Turn(call: taken.call, caller: taken.caller, beginning: taken.beginning, epoch: epoch)
    }

    /// The call of this turn, if it names an account, is not over with it.
    func hold(_ turn: Turn) {
        guard let account = turn.caller.account, held[account] == nil else { return }
        held[account] = turn.caller
        let marks = marks(of: turn.caller)
        enter(marks)
        marks.account?.isHeld = true
    }

    /// Whether a call that names this account is.
    func isHeld(_ account: String) -> Bool { held.keys.contains { $0.id == account } }

    /// It is over now, and all its turns were counted.
    func release(_ turn: Turn) {
        if let account = turn.caller.account, let caller = held.removeValue(forKey: account) {
            let marks = marks(of: caller)
            leave(marks)
            marks.account?.isHeld = false
        }
        beginAnew()
    }

    /// Whether nobody waits or is held.
    var isIdle: Bool { waiting.isEmpty && held.isEmpty }

    /// Where nobody was kept waiting nobody owes anything. Not while a call has turns to come: they are counted by this clock.
    private func beginAnew() {
        guard isIdle else { return }
        marks = [:]
        forgiven = [:]
        clock = .zero
        epoch += 1
    }

    /// Counts what a turn took, for its parties `weight` times that. To be called when the turn is over, before the next one.
    func charge(_ time: Duration, to turn: Turn, weight: Int = 1) {
        served += time
        guard !isIdle else { return beginAnew() }
        let own = marks(of: turn.caller)
        // A turn that was under way when the others were over and the clock began anew did not begin by this clock.
        let beginning = turn.epoch == epoch ? turn.beginning : .zero
        for mark in [own.connection, own.account].compactMap(\.self) {
            mark.time = max(mark.time, beginning) + time * weight
        }
        clock += time / (shares + (own.share.shares == 0 ? 1 : 0))
        // A mark that the clock has passed says nothing any more, but to calls that came before that.
        if marks.values.contains(where: { $0.calls == 0 && $0.time <= clock }) {
            marks = marks.filter { $0.value.calls > 0 || $0.value.time > clock }
        }
        if !forgiven.isEmpty { forgiven = forgiven.filter { $0.value + Self.advance > clock } }
    }

    private func remove(at index: Int) -> Waiting {
        let taken = waiting.remove(at: index)
        leave(taken.marks)
        return taken
    }

    private func marks(of caller: Caller) -> Marks {
        Marks(
            connection: mark(.connection(caller.connection)), account: caller.account.map { mark(.account($0)) })
    }

    private func mark(_ party: Party) -> Mark {
        if let mark = marks[party] { return mark }
        let mark = Mark()
        marks[party] = mark
        return mark
    }

    /// A call waits, or is held.
    private func enter(_ marks: Marks) {
        marks.connection.calls += 1
        marks.account?.calls += 1
        marks.share.shares += 1
        if marks.share.shares == 1 { shares += 1 }
    }

    /// It does not any more.
    private func leave(_ marks: Marks) {
        marks.connection.calls -= 1
        marks.account?.calls -= 1
        marks.share.shares -= 1
        if marks.share.shares == 0 { shares -= 1 }
    }

    /// What a call has its part of the chip's time for.
    private static func share(of caller: Caller) -> Party {
        caller.account.map { .account($0) } ?? .connection(caller.connection)
    }
}

extension FairOrder.Turn: Sendable where Call: Sendable {}
