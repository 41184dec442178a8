import Foundation
import Synchronization
import TestSupport

/// A connection to the vault's socket that sends what it is told.
package final class Peer: Sendable {
    private let socket: UnixSocket
    private let received = Mutex<[UInt8]>([])
    private var descriptor: Int32 { socket.descriptor }

    package init(_ path: String) throws { socket = try UnixSocket.connected(to: path) }

    /// Sends what the other side takes.
    package func send(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        let last = ContinuousClock.now + .seconds(10)
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0 && errno != EAGAIN { return }
            if count > 0 { rest = rest.dropFirst(count) } else { try await Task.sleep(for: .milliseconds(2)) }
            guard ContinuousClock.now < last else { throw HarnessError("the vault takes nothing") }
        }
    }

    package func send(_ text: String) async throws { try await send(Array(text.utf8) + [0]) }

    package func closeSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next message, or `nil` when the vault has closed.
    package func receive(within deadline: Duration = .seconds(20)) async throws -> [String: Any]? {
        let last = ContinuousClock.now + deadline
        while true {
            let message = received.withLock { bytes -> [UInt8]? in
                guard let end = bytes.firstIndex(of: 0) else { return nil }
                defer { bytes.removeSubrange(...end) }
                return Array(bytes[..<end])
            }
            if let message {
                guard let fields = try JSONSerialization.jsonObject(with: Data(message)) as? [String: Any] else {
                    throw HarnessError("the vault sent something else than an object")
                }
                return fields
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count == 0 || count < 0 && errno != EAGAIN { return nil }
            if count > 0 {
                received.withLock { $0 += buffer[..<count] }
            } else {
                guard ContinuousClock.now < last else { throw HarnessError("the vault neither answers nor closes") }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    /// A call without parameters and its reply.
    package func describe() async throws -> [String: Any] {
        try await send(#"{"method":"org.tenpin.Vault.Describe"}"#)
        guard let reply = try await receive() else { throw HarnessError("the vault hung up") }
        return reply
    }
}
