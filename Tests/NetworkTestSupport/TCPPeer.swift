import Foundation
import TestSupport

/// A TCP connection to a port of this machine that speaks no TLS.
package final class TCPPeer: Sendable {
    private let descriptor: Int32

    /// - Parameter source: the address that it comes from; all of 127.0.0.0/8 is this machine.
    package init(_ port: Int, from source: String = "127.0.0.1") throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var (own, other) = (Self.address(source, 0), Self.address("127.0.0.1", port))
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeBytes(of: &own) {
            bind(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), size)
        }
        let connected = withUnsafeBytes(of: &other) {
            connect(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), size)
        }
        guard bound == 0, connected == 0 else { throw HarnessError("connect: \(String(cString: strerror(errno)))") }
    }

    private static func address(_ host: String, _ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }

    deinit { close(descriptor) }

    /// Sends what the other side takes.
    package func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    package func send(_ text: String) { send(Array(text.utf8)) }

    /// What comes until the other side closes.
    package func hear(meanwhile: () -> Void = {}) async throws -> [UInt8] {
        var heard: [UInt8] = []
        let last = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < last {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                heard += buffer[..<count]
            } else if count == 0 || errno != EAGAIN {
                return heard
            } else {
                meanwhile()
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        throw HarnessError("the other side does not close")
    }

    /// Whether the other side closes and has said nothing but a TLS alert (record type 21, RFC 8446 §5.1).
    package func hearsNothing(meanwhile: () -> Void = {}) async -> Bool {
        guard let heard = try? await hear(meanwhile: meanwhile) else { return false }
        return heard.isEmpty || heard[0] == 21
    }
}
