import Glibc
import NIOCore
import Synchronization

/// Who may connect to a server's socket.
public enum SocketAccess: Sendable, Equatable {
    /// The user who runs the server (mode 0600).
    case owner
    /// That user and the members of this group (mode 0660).
    case group(UInt32)
}

/// A Unix socket in the file system, and the lock beside it that makes one server at a time its owner.
final class SocketFile: Sendable {
    /// The longest path in bytes: `sun_path` without its NUL (unix(7)).
    static let longestPath = 107

    private struct Held {
        let lock: CInt
        let identity: Identity
    }

    private struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t
    }

    private let path: String
    private let held: Mutex<Held?>

    private init(path: String, lock: CInt, identity: Identity) {
        self.path = path
        held = Mutex(Held(lock: lock, identity: identity))
    }

    deinit { held.withLock { held in if let held { close(held.lock) } } }

    /// Binds a socket at `path` that is not listening yet; the caller owns the descriptor.
    ///
    /// What lies there is removed only if it is a socket on which nobody answers.
    static func bind(_ path: String, access: SocketAccess) throws(VarlinkServerError) -> (SocketFile, CInt) {
        guard (1...longestPath).contains(path.utf8.count), !path.utf8.contains(0),
            let address = SocketAddress(socketPath: path)
        else { throw .unusablePath(bytes: path.utf8.count) }
        let lock = try takeLock(path)
        do throws(VarlinkServerError) {
            try clear(path, address)
            let socket = try open(path, address, access)
            guard let identity = identity(of: path) else {
                let reason = errno
                close(socket)
                throw .system(call: "lstat", path: path, errno: reason)
            }
            return (SocketFile(path: path, lock: lock, identity: identity), socket)
        } catch {
            close(lock)
            throw error
        }
    }

    /// Removes the socket, if it is still the one that was bound here, and then the lock. The second time it does
    /// nothing.
    func remove() {
        held.withLock { held in
            guard let mine = held else { return }
            if Self.identity(of: path) == mine.identity { unsafe unlink(path) }
            unsafe unlink(path + ".lock")
            close(mine.lock)
            held = nil
        }
    }

    /// Without the lock: 1. two servers start and both find the same stale socket; 2. one removes it and binds; 3. the
    /// other removes that one and binds again. Both believe they serve.
    private static func takeLock(_ path: String) throws(VarlinkServerError) -> CInt {
        let name = path + ".lock"
        while true {
            let lock = unsafe Glibc.open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard lock >= 0 else { throw .system(call: "open", path: name, errno: errno) }
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
                let reason = errno
                close(lock)
                guard reason == EWOULDBLOCK else { throw .system(call: "flock", path: name, errno: reason) }
                throw .alreadyServed(path: path)
            }
            // The owner before may have removed the file between `open` and `flock`; then this locks nothing.
            var status = stat()
            if unsafe fstat(lock, &status) == 0,
                identity(of: name) == Identity(device: status.st_dev, inode: status.st_ino)
            {
                return lock
            }
            close(lock)
        }
    }

    private static func clear(_ path: String, _ address: SocketAddress) throws(VarlinkServerError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw .system(call: "lstat", path: path, errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
        let probe = try newSocket(path)
        defer { close(probe) }
        let answer = unsafe address.withSockAddr { pointer, size in
            unsafe connect(probe, pointer, socklen_t(size)) == 0 ? 0 : errno
        }
        // A full queue, a refused permission, anything but a refused connection: somebody may be there.
        guard answer == ECONNREFUSED else { throw .alreadyServed(path: path) }
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw .system(call: "unlink", path: path, errno: errno)
        }
    }

    private static func open(
        _ path: String, _ address: SocketAddress, _ access: SocketAccess
    ) throws(VarlinkServerError) -> CInt {
        let socket = try newSocket(path)
        do throws(VarlinkServerError) {
            // The attack: 1. the server binds with the mode that its umask leaves; 2. somebody connects before chmod.
            // Linux gives the file the socket's own mode less the umask, and nobody can connect before `listen`.
            guard fchmod(socket, 0o600) == 0 else { throw .system(call: "fchmod", path: path, errno: errno) }
            let bound = unsafe address.withSockAddr { pointer, size in
                unsafe Glibc.bind(socket, pointer, socklen_t(size))
            }
            guard bound == 0 else { throw .system(call: "bind", path: path, errno: errno) }
            if case .group(let group) = access { try share(path, with: group) }
            return socket
        } catch {
            close(socket)
            throw error
        }
    }

    private static func share(_ path: String, with group: UInt32) throws(VarlinkServerError) {
        if unsafe lchown(path, uid_t.max, group) == 0, unsafe chmod(path, 0o660) == 0 { return }
        let reason = errno
        unsafe unlink(path)
        throw .system(call: "lchown and chmod", path: path, errno: reason)
    }

    private static func newSocket(_ path: String) throws(VarlinkServerError) -> CInt {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(AF_UNIX, kind, 0)
        guard socket >= 0 else { throw .system(call: "socket", path: path, errno: errno) }
        return socket
    }

    private static func identity(of path: String) -> Identity? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }
}

extension SocketAddress {
    /// The address of a socket in the file system, with the whole of what the kernel takes; `nil` beyond that.
    init?(socketPath: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            guard socketPath.utf8.count < field.count else { return false }
            unsafe field.copyBytes(from: socketPath.utf8)
            return true
        }
        guard fits else { return nil }
        self.init(address)
    }
}
