/// Where a service is: a Unix socket, written as `unix:/run/service` or as its path alone.
public struct VarlinkAddress: Sendable, Equatable, CustomStringConvertible {
    /// The socket's path.
    public let path: String

    /// Reads an address; other schemes (`tcp:`, `exec:`), abstract sockets (`@`) and options (`;`) are refused.
    public init(_ text: String) throws(VarlinkClientError) {
        let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
        let beginning = path.prefix { $0 != "/" }
        guard (1...SocketFile.longestPath).contains(path.utf8.count), !path.utf8.contains(0), !path.hasPrefix("@"),
            !beginning.contains(":"), !path.contains(";")
        else { throw .badAddress(text) }
        self.path = path
    }

    public var description: String { "unix:\(path)" }
}
