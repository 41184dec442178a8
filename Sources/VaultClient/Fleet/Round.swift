import Synchronization

/// One question, put to several vaults at once. Answers are taken as they come, and nobody waits for the slowest.
///
/// There is a task for each vault. Those that nobody waits for any more are cancelled when the round ends, and what they
/// were waiting for is given up.
final class Round<Answer: Sendable>: Sendable {
    typealias Result = Swift.Result<Answer, VaultClientError>
    /// The answers so far, by vault.
    typealias Results = [Int: Result]

    private enum Event: Sendable {
        case answer
        case time(ContinuousClock.Instant)
    }

    private struct State {
        var results: Results = [:]
        var begun: Set<Int> = []
        var hasEnded = false
    }

    private let count: Int
    private let giveUp: @Sendable (Int) async -> Void
    private let events: AsyncStream<Event>
    private let post: AsyncStream<Event>.Continuation
    private let tasks: [Task<Result, Never>]
    private let state: Shared<State>

    /// - Parameters:
    ///   - count: how many are asked, as 0, 1, …
    ///   - turns: how much later than the one before each is asked, who fails makes place for the next at once.
    ///   - giveUp: ends what one of them is still waiting for.
    init(
        _ count: Int, turns: Duration = .zero, giveUp: @escaping @Sendable (Int) async -> Void,
        ask: @escaping @Sendable (Int) async throws(VaultClientError) -> Answer
    ) {
        self.count = count
        self.giveUp = giveUp
        let (events, post) = AsyncStream<Event>.makeStream()
        let state = Shared(State())
        (self.events, self.post, self.state) = (events, post, state)
        let gates = (0..<count).map { _ in AsyncStream<Void>.makeStream() }
        tasks = (0..<count).map { index in
            Task {
                if index > 0, turns > .zero {
                    let (gate, open) = gates[index]
                    let alarm = Task {
                        try? await Task.sleep(for: turns * index)
                        open.finish()
                    }
                    for await _ in gate {}
                    alarm.cancel()
                }
                let mayBegin = state.value.withLock { state in
                    guard !state.hasEnded else { return false }
                    state.begun.insert(index)
                    return true
                }
                guard mayBegin else { return .failure(VaultClientError(.slow)) }
                let result: Result
                do throws(VaultClientError) {
                    result = .success(try await ask(index))
                } catch {
                    result = .failure(error)
                    if index + 1 < count { gates[index + 1].continuation.finish() }
                }
                state.value.withLock { $0.results[index] = result }
                post.yield(.answer)
                return result
            }
        }
    }

    /// Asks the vaults of these links; ends with what is left by closing their connections.
    convenience init(
        _ links: [VaultLink], ask: @escaping @Sendable (VaultLink) async throws(VaultClientError) -> Answer
    ) {
        self.init(
            links.count, giveUp: { await links[$0].courier.hangUp() },
            ask: { (index) async throws(VaultClientError) in try await ask(links[index]) })
    }

    /// Waits until all have answered, or for no longer than `patience` says.
    ///
    /// - Parameter patience: how long further answers are waited for when there are these; `nil` where there are too few to
    ///   go on with.
    func answers(_ patience: (Results) -> Duration?) async -> Results {
        var (alarm, last): (Task<Void, Never>?, ContinuousClock.Instant?)
        defer { alarm?.cancel() }
        while true {
            let results = answers
            if results.count == count { return results }
            if let patience = patience(results) {
                guard patience > .zero else { return results }
                let end = ContinuousClock.now + patience
                if last.map({ end < $0 }) ?? true {
                    alarm?.cancel()
                    last = end
                    alarm = Task { [post] in
                        try? await Task.sleep(until: end)
                        post.yield(.time(end))
                    }
                }
            }
            var iterator = events.makeAsyncIterator()
            switch await iterator.next() {
            case .answer: break
            case .time(let end): if end == last, ContinuousClock.now >= end { return answers }
            case nil: return answers
            }
        }
    }

    /// The answers so far.
    var answers: Results { state.value.withLock { $0.results } }

    /// Waits for one of them alone.
    func answer(of index: Int) async -> Result { await tasks[index].value }

    /// Waits for all of them, or for the first failure: then nothing is to come of it, and the others are given up.
    ///
    /// - Returns: the answers in order, or the failure and whose it is.
    func all() async -> Swift.Result<[Answer], Failure> {
        func failure(_ results: Results) -> Failure? {
            for (index, result) in results { if case .failure(let error) = result { return Failure(index, error) } }
            return nil
        }
        let results = await answers { failure($0) == nil ? nil : .zero }
        if let failure = failure(results) {
            await end()
            return .failure(failure)
        }
        return .success((0..<count).compactMap { try? results[$0]?.get() })
    }

    struct Failure: Error {
        let index: Int
        let error: VaultClientError

        init(_ index: Int, _ error: VaultClientError) {
            self.index = index
            self.error = error
        }
    }

    /// Whether answers are still to come.
    var isOpen: Bool { answers.count < count }

    /// Gives up what has not answered yet.
    func end() async {
        let late = state.value.withLock { state in
            defer { state.hasEnded = true }
            return state.hasEnded ? [] : state.begun.filter { state.results[$0] == nil }
        }
        for task in tasks { task.cancel() }
        for index in late { await giveUp(index) }
    }
}

/// What several tasks change.
private final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }
}
