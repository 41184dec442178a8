import Synchronization

/// One question, put to several vaults at once. Answers are taken as they come, and nobody waits for the slowest.
///
/// There is a task for each vault. Those that nobody waits for any more are cancelled when the round ends, and what they
/// were waiting for is given up.
final class Round<Answer: Sendable>: Sendable {
    typealias Result = Swift.Result<Answer, VaultClientError>

    private enum Event: Sendable {
        case answer(Int, Result)
        case time(Int)
    }

    private struct State {
        var results: [Int: Result] = [:]
        var tasks: [Task<Void, Never>] = []
        var alarms = 0
        var hasEnded = false
    }

    private let count: Int
    private let giveUp: @Sendable (Int) async -> Void
    private let events: AsyncStream<Event>
    private let post: AsyncStream<Event>.Continuation
    private let state = Mutex(State())

    /// - Parameters:
    ///   - count: how many are asked, as 0, 1, …
    ///   - giveUp: ends what one of them is still waiting for.
    init(
        _ count: Int, giveUp: @escaping @Sendable (Int) async -> Void,
        ask: @escaping @Sendable (Int) async throws(VaultClientError) -> Answer
    ) {
        self.count = count
        self.giveUp = giveUp
        (events, post) = AsyncStream.makeStream()
        let post = post
        let tasks = (0..<count).map { index in
            Task {
                let result: Result
                do throws(VaultClientError) {
                    result = .success(try await ask(index))
                } catch {
                    result = .failure(error)
                }
                post.yield(.answer(index, result))
            }
        }
        state.withLock { $0.tasks = tasks }
    }

    /// Asks the vaults of these links; ends with what is left by closing their connections.
    convenience init(
        _ links: [VaultLink], ask: @escaping @Sendable (VaultLink) async throws(VaultClientError) -> Answer
    ) {
        self.init(
            links.count, giveUp: { await links[$0].courier.hangUp() },
            ask: { (index) async throws(VaultClientError) in try await ask(links[index]) })
    }

    /// Waits until all have answered, or until `grace` has passed since the answers were enough; gives the answers so far.
    func answers(
        grace: Duration, isEnough: (_ answers: [Int: Result]) -> Bool
    ) async -> [Int: Result] {
        var alarm: Task<Void, Never>?
        var rung = -1
        defer { alarm?.cancel() }
        while true {
            let results = state.withLock { $0.results }
            if results.count == count { return results }
            if alarm == nil, isEnough(results) {
                let (post, number) = (
                    post,
                    state.withLock { state in
                        state.alarms += 1
                        return state.alarms
                    }
                )
                rung = number
                alarm = Task {
                    try? await Task.sleep(for: grace)
                    post.yield(.time(number))
                }
            }
            var iterator = events.makeAsyncIterator()
            switch await iterator.next() {
            case .answer(let index, let result): state.withLock { $0.results[index] = result }
            case .time(rung): return results
            case .time: break
            case nil: return results
            }
        }
    }

    /// Waits for all of them, or for the first failure: then nothing is to come of it, and the others are given up.
    ///
    /// - Returns: the answers in order, or the failure and whose it is.
    func all() async -> Swift.Result<[Answer], Failure> {
        func failure(_ results: [Int: Result]) -> Failure? {
            for (index, result) in results { if case .failure(let error) = result { return Failure(index, error) } }
            return nil
        }
        let results = await answers(grace: .zero) { failure($0) != nil }
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
    var isOpen: Bool { state.withLock { $0.results.count < count } }

    /// Gives up what has not answered yet.
    func end() async {
        let (tasks, late) = state.withLock { state in
            defer { state.hasEnded = true }
            return state.hasEnded ? ([], []) : (state.tasks, (0..<count).filter { state.results[$0] == nil })
        }
        for index in late {
            tasks[index].cancel()
            await giveUp(index)
        }
    }
}
