import Foundation
import Synchronization
import TestSupport

/// How long things took, and what went wrong, told from many tasks.
final class Figures: Sendable {
    private struct State {
        var times: [String: [Duration]] = [:]
        var failures: [String] = []
        var counts: [String: Int] = [:]
        var samples: [Sample] = []
    }

    /// What the vault's process took at one moment.
    struct Sample: Sendable {
        let memory: Int
        let files: Int

        /// Of the process with this number; memory in KiB.
        init(of process: pid_t) throws {
            let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
                let memory = line.split(separator: " ").dropLast().last.flatMap({ Int($0) })
            else { throw HarnessError("no VmRSS of \(process)") }
            self.memory = memory
            files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
        }
    }

    private let state = Mutex(State())

    /// Runs `body` and notes how long it took, if it succeeded.
    func timing<R>(
        _ what: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
    ) async throws -> R {
        let begun = ContinuousClock.now
        let result = try await body()
        let time = ContinuousClock.now - begun
        state.withLock { $0.times[what, default: []].append(time) }
        return result
    }

    func fail(_ what: String) { state.withLock { $0.failures.append(what) } }
    func count(_ what: String) { state.withLock { $0.counts[what, default: 0] += 1 } }
    func add(_ sample: Sample) { state.withLock { $0.samples.append(sample) } }

    var failures: [String] { state.withLock { $0.failures } }
    var samples: [Sample] { state.withLock { $0.samples } }
    func number(of what: String) -> Int { state.withLock { $0.counts[what] ?? 0 } }

    /// How many were noted, and the percentiles in milliseconds (nearest rank).
    func times(_ what: String) -> Percentiles { Percentiles(state.withLock { $0.times[what] ?? [] }) }

    /// All that was timed, by name.
    var timed: [String] { state.withLock { $0.times.keys.sorted() } }
}

/// Some times in order.
struct Percentiles: Sendable {
    private let sorted: [Duration]

    init(_ times: [Duration]) { sorted = times.sorted() }

    var count: Int { sorted.count }

    /// In milliseconds, nearest rank; 0 where there is none.
    func callAsFunction(_ percent: Int) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = max(1, (sorted.count * percent + 99) / 100)
        return sorted[rank - 1] / .milliseconds(1)
    }
}

/// Lets a few in at a time: Argon2id takes 64 MiB and a core from each.
actor Gate {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ places: Int) { free = places }

    func enter() async {
        guard free == 0 else { return free -= 1 }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
