import Glibc
import NIOCore
import Synchronization

/// A bare Unix socket that says what no proper client or server would.
final class RawPeer: Sendable {
    struct TookTooLong: Error {}

    let descriptor: CInt
    private let received = Mutex<[UInt8]>([])

    private init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    static func connect(to path: String) throws -> RawPeer {
        let peer = RawPeer(descriptor: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        let result = try SocketAddress(unixDomainSocketPath: path).withSockAddr {
            Glibc.connect(peer.descriptor, $0, socklen_t($1))
        }
        guard result == 0 else { throw IOError(errnoCode: errno, reason: "connect") }
        return peer
    }

    /// A listening socket; `accept` on it gives the other end of the next connection.
    static func listen(at path: String) throws -> RawPeer {
        let peer = RawPeer(descriptor: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        let result = try SocketAddress(unixDomainSocketPath: path).withSockAddr {
            Glibc.bind(peer.descriptor, $0, socklen_t($1))
        }
        guard result == 0, Glibc.listen(peer.descriptor, 8) == 0 else {
            throw IOError(errnoCode: errno, reason: "listen")
        }
        return peer
    }

    func accept() async throws -> RawPeer {
        guard let accepted = try await retrying({ Int(Glibc.accept(self.descriptor, nil, nil)) }) else {
            throw IOError(errnoCode: errno, reason: "accept")
        }
        return RawPeer(descriptor: CInt(accepted))
    }

    /// Sends as the peer takes it; gives `false` if the peer is gone.
    @discardableResult
    func send(_ bytes: [UInt8]) async throws -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try await retrying {
                rest.withUnsafeBytes { Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            }
            guard let count else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    @discardableResult
    func send(_ text: String) async throws -> Bool { try await send(Array(text.utf8)) }

    /// The next message without its NUL, or `nil` when the peer has closed.
    func receive(within limit: Duration = .seconds(60)) async throws -> String? {
        while true {
            let message = received.withLock { bytes -> String? in
                guard let end = bytes.firstIndex(of: 0) else { return nil }
                defer { bytes.removeSubrange(...end) }
                return String(decoding: bytes[..<end], as: UTF8.self)
            }
            if let message { return message }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = try await retrying(within: limit) { recv(self.descriptor, &buffer, buffer.count, 0) }
            guard let count, count > 0 else { return nil }
            received.withLock { $0 += buffer[..<count] }
        }
    }

    func closeSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Repeats a system call until it would not block; `nil` when it fails.
    private func retrying(within limit: Duration = .seconds(60), _ call: () -> Int) async throws -> Int? {
        let end = ContinuousClock.now + limit
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        while true {
            let result = call()
            if result >= 0 { return result }
            guard errno == EAGAIN else { return nil }
            guard ContinuousClock.now < end else { throw TookTooLong() }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}
