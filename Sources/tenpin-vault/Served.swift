import CommandOptions
import Dispatch
import Foundation
import Monitoring
import Synchronization
import Varlink

/// What the program serves on.
struct Served {
    /// By the name of their kind of socket.
    var servers: [(name: String, server: VarlinkServer)] = []
    /// For the operator's own questions.
    var operators: VarlinkServer?
    var monitor: MonitoringServer?

    /// What the operator is told.
    var places: [String] { servers.map(\.server.path) + (monitor.map { ["metrics on \($0.address)"] } ?? []) }

    /// Lets nobody in any more, and gives calls under way so long.
    func stop(within patience: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            for server in servers.map(\.server) + (operators.map { [$0] } ?? []) {
                group.addTask { await server.shutdown(within: patience) }
            }
        }
        await monitor?.stop()
    }
}

/// A line on standard error.
func say(_ sentence: String) { StandardError.write("\(sentence)\n") }

/// Does something whenever SIGHUP comes, and says what came of it.
struct Reloading {
    private let source: any DispatchSourceSignal

    init(_ reload: @escaping @Sendable () async throws -> Void) {
        signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler {
            Task {
                do {
                    try await reload()
                    say("reloaded: the files count as they are now, also for who is connected")
                } catch {
                    say("not reloaded: \(error) What was read before stays in use.")
                }
            }
        }
        source.resume()
    }
}

/// Counts connections from 1.
final class Numbers: Sendable {
    private let last = Atomic<UInt64>(0)
    func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}
