import Glibc

/// A listening socket that a service manager opened and left to the program it started (sd_listen_fds(3)): the manager says
/// who may connect, and holds what comes while nobody serves.
public struct InheritedSocket: ~Copyable {
    /// The first descriptor that a manager leaves (SD_LISTEN_FDS_START).
    private static let first: CInt = 3

    /// Where it listens.
    public let path: String
    let descriptor: CInt

    /// Takes the one socket that LISTEN_PID and LISTEN_FDS announce, and takes these out of the environment: a program started
    /// from here is not meant. `nil` when nothing is announced to this process.
    public static func take() throws(VarlinkServerError) -> InheritedSocket? {
        defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsafe unsetenv(name) } }
        guard number("LISTEN_PID") == getpid(), let count = number("LISTEN_FDS"), count > 0 else { return nil }
        guard count == 1 else { throw .unusableInheritance(.several(Int(count))) }
        return try InheritedSocket(first)
    }

    /// Takes a descriptor over, whatever becomes of it.
    init(_ descriptor: CInt) throws(VarlinkServerError) {
        do throws(VarlinkServerError) {
            path = try Self.prepare(descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    /// Readies a descriptor for NIO, which wants none that blocks; gives where it listens.
    private static func prepare(_ descriptor: CInt) throws(VarlinkServerError) -> String {
        let path = try path(ofListening: descriptor)
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else {
            throw .system(call: "fcntl", path: path, errno: errno)
        }
        return path
    }

    private static func number(_ name: String) -> Int32? {
        unsafe getenv(name).flatMap { unsafe Int32(String(cString: $0)) }
    }

    private static func path(ofListening descriptor: CInt) throws(VarlinkServerError) -> String {
        guard option(SO_DOMAIN, of: descriptor) == AF_UNIX,
            option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
            option(SO_ACCEPTCONN, of: descriptor) == 1
        else { throw .unusableInheritance(.notListening) }
        var address = sockaddr_un()
        var size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isNamed = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &size) == 0
            }
        }
        let bytes = unsafe withUnsafeBytes(of: address.sun_path) { field in unsafe Array(field.prefix { $0 != 0 }) }
        // A socket outside the file system has no mode: everybody on the machine may connect.
        guard isNamed, !bytes.isEmpty else { throw .unusableInheritance(.withoutFile) }
        let path = String(decoding: bytes, as: UTF8.self)
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw .system(call: "stat", path: path, errno: errno) }
        // The attack: 1. SocketMode= is left out, and systemd makes the socket with 0666; 2. any user of the machine connects
        // and spends everybody's guesses.
        guard status.st_mode & 0o002 == 0 else { throw .unusableInheritance(.openToAll(path)) }
        return path
    }

    private static func option(_ name: CInt, of descriptor: CInt) -> CInt? {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        return unsafe getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }
}

/// What is wrong with sockets that a service manager left.
public enum InheritanceFault: Sendable, Equatable {
    /// So many of them; one is served.
    case several(Int)
    /// The descriptor is no Unix stream socket that listens.
    case notListening
    /// The socket has no place in the file system.
    case withoutFile
    /// Everybody may connect to this path.
    case openToAll(String)
}

extension InheritanceFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .several(let count): "Leave one socket to this program; \(count) were handed over."
        case .notListening: "Leave a listening Unix stream socket to this program (ListenStream= with a path)."
        case .withoutFile: "Give the socket a path in the file system; to one without, everybody could connect."
        case .openToAll(let path):
            "Everybody may connect to \(path); give it SocketMode=0600, or 0660 with SocketGroup=."
        }
    }
}
