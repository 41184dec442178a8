import Foundation
import Synchronization
import TestSupport
import VaultAPI

@testable import VaultClient

/// What the devices of a crowd had evaluated, so that the chip's counts can be compared with it.
final class Ledger: Sendable {
    private struct Entry {
        /// Blinded elements whose evaluation came back: each cost one guess, however often it was asked for.
        var certain: Set<[UInt8]> = []
        /// Ones that were sent by a device that did not wait for the answer.
        var uncertain: Set<[UInt8]> = []
    }

    private let entries = Mutex<[EnrollmentID: Entry]>([:])

    func note(_ call: Evaluate, certain: Bool) {
        entries.withLock { entries in
            var entry = entries[call.enrollment] ?? Entry()
            if certain { entry.certain.insert(call.blinded.bytes) } else { entry.uncertain.insert(call.blinded.bytes) }
            entries[call.enrollment] = entry
        }
    }

    /// What the chip's count for this enrollment may be.
    func counts(of enrollment: EnrollmentID) -> ClosedRange<UInt32> {
        let entry = entries.withLock { $0[enrollment] } ?? Entry()
        return UInt32(entry.certain.count)...UInt32(entry.certain.union(entry.uncertain).count)
    }
}

/// Reaches the vault's socket, counts what is evaluated, and hangs up when it was told to.
struct CrowdDialer: VaultDialer {
    let socket: SocketDialer
    let ledger: Ledger
    /// When the device stops in the middle of its conversation, if it does.
    var quitting: Quitting?

    struct Quitting: Sendable {
        /// The call that is not answered any more, from 1.
        let call: Int
        /// Whether that call is sent, and the device gone before its answer.
        let isSent: Bool
    }

    var address: String { socket.address }

    func connect() async throws(VaultClientError) -> any VaultConnection {
        CrowdConnection(inner: try await socket.connect(), ledger: ledger, quitting: quitting)
    }
}

private final class CrowdConnection: VaultConnection {
    private let inner: any VaultConnection
    private let ledger: Ledger
    private let quitting: CrowdDialer.Quitting?
    private let calls = Atomic(0)

    init(inner: any VaultConnection, ledger: Ledger, quitting: CrowdDialer.Quitting?) {
        self.inner = inner
        self.ledger = ledger
        self.quitting = quitting
    }

    func call<M: VaultMethod>(_ method: M) async throws(VaultClientError) -> M.Reply {
        let number = calls.add(1, ordering: .relaxed).newValue
        if let quitting, number >= quitting.call {
            if quitting.isSent {
                if let evaluate = method as? Evaluate { ledger.note(evaluate, certain: false) }
                let inner = inner
                Task { _ = try? await inner.call(method) }
                try? await Task.sleep(for: .milliseconds(3))
            }
            await inner.close()
            throw .connectionLost
        }
        guard let evaluate = method as? Evaluate else { return try await inner.call(method) }
        do throws(VaultClientError) {
            let reply = try await inner.call(method)
            ledger.note(evaluate, certain: true)
            return reply
        } catch {
            if error.mayHaveArrived || error.guess != .notSpent { ledger.note(evaluate, certain: false) }
            throw error
        }
    }

    func close() async { await inner.close() }
}
