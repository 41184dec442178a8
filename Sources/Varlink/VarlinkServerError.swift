import Glibc

/// Why a server could not start.
public enum VarlinkServerError: Error, Sendable, Equatable {
    /// The path is empty, has a NUL in it, or is longer than the 107 bytes that the kernel takes.
    case unusablePath(bytes: Int)
    /// Another server answers on this path, or holds its lock.
    case alreadyServed(path: String)
    /// Something that is no socket lies at the path.
    case notASocket(path: String)
    /// What a service manager left to this program is no socket to serve on.
    case unusableInheritance(InheritanceFault)
    /// The system does not let this program listen on a network address.
    case cannotListen(place: String, errno: Int32)
    /// A call of the system failed with this `errno`.
    case system(call: String, path: String, errno: Int32)
}

extension VarlinkServerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unusablePath(let bytes):
            "Choose a socket path of 1 to \(SocketFile.longestPath) bytes without NUL; this one has \(bytes)."
        case .alreadyServed(let path):
            "Stop the server that already answers on \(path), or choose another path."
        case .notASocket(let path):
            "Choose another socket path, or move away what lies at \(path); it is not a socket."
        case .unusableInheritance(let fault): fault.description
        case .cannotListen(let place, let errno):
            "Choose another address than \(place), or free it; listening failed: \(String(systemError: errno))."
        case .system(let call, let path, let errno):
            "Check \(path) and the folder it is in; \(call) failed: \(String(systemError: errno))."
        }
    }
}

extension String {
    /// The system's words for an `errno`.
    init(systemError errno: Int32) {
        // `strerror` may use a buffer of its own that the next call overwrites, so it is copied at once.
        self = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
    }
}
