import Glibc
import NIOCore

/// Who is at the other end of a Unix socket, as the kernel saw it at `connect` (`SO_PEERCRED`, unix(7)).
///
/// The layout is the kernel's `struct ucred`. The process id may belong to another process by the time it is read:
/// decide by `uid` and `gid` only.
public struct PeerCredentials: Sendable, Equatable {
    /// The process that connected.
    public let pid: Int32
    /// Its effective user.
    public let uid: UInt32
    /// Its effective group.
    public let gid: UInt32

    public init(pid: Int32, uid: UInt32, gid: UInt32) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }

    /// Asks the kernel for the peer of `channel`.
    static func of(_ channel: any Channel) -> EventLoopFuture<PeerCredentials> {
        guard let socket = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        return socket.unsafeGetSocketOption(level: .socket, name: .init(rawValue: SO_PEERCRED))
    }
}
