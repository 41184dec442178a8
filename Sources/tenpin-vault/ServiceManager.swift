import Glibc

/// What a service manager that waits for it is told (sd_notify(3)): one datagram to the socket that it named.
enum ServiceManager {
    /// Connections are answered from now on.
    static func ready() { notify("READY=1") }

    /// No call is begun any more.
    static func stopping() { notify("STOPPING=1") }

    /// Nobody asks for it where NOTIFY_SOCKET is not set; a manager that cannot be told gives up on the program by itself.
    private static func notify(_ message: String) {
        guard let name = unsafe getenv("NOTIFY_SOCKET") else { return }
        var path = Array(unsafe String(cString: name).utf8)
        // A name outside the file system: its first byte is NUL, and its length counts (unix(7)).
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard (1..<room).contains(path.count) else { return }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in unsafe field.copyBytes(from: path) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size - room + path.count)
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = unsafe sendto(socket, message, message.utf8.count, Int32(MSG_NOSIGNAL), $0, size)
            }
        }
    }
}
