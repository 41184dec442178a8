import Glibc

/// A Unix socket of a test's own, closed when it is let go of. Programs that are started meanwhile do not get it.
package final class UnixSocket: Sendable {
    package enum Kind { case stream, datagram }

    package let descriptor: Int32

    private init(_ kind: Kind) throws {
        let type = kind == .stream ? SOCK_STREAM : SOCK_DGRAM
        descriptor = socket(AF_UNIX, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure("socket") }
    }

    deinit { close(descriptor) }

    /// A stream to whoever listens at `path`.
    package static func connected(to path: String) throws -> UnixSocket {
        let made = try UnixSocket(.stream)
        guard try withAddress(of: path, { connect(made.descriptor, $0, $1) }) == 0 else { throw failure("connect") }
        return made
    }

    /// One at `path`, which must not exist; a stream listens.
    package static func bound(to path: String, _ kind: Kind = .stream) throws -> UnixSocket {
        let made = try UnixSocket(kind)
        guard try withAddress(of: path, { bind(made.descriptor, $0, $1) }) == 0 else { throw failure("bind") }
        guard kind == .datagram || listen(made.descriptor, 8) == 0 else { throw failure("listen") }
        return made
    }

    private static func withAddress(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        try withUnsafeMutableBytes(of: &address.sun_path) { target in
            guard path.utf8.count < target.count else { throw HarnessError("too long for a socket: \(path)") }
            target.copyBytes(from: path.utf8)
        }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// The last call's error.
    package static func failure(_ what: String) -> HarnessError {
        HarnessError("\(what): \(String(cString: strerror(errno)))")
    }
}
