/// Where a service is: a Unix socket, written as `unix:/run/service` or as its path alone, or a place on the network under
/// TLS, written as `tls:host:port`.
public struct VarlinkAddress: Sendable, Equatable, CustomStringConvertible {
    public enum Place: Sendable, Equatable {
        /// A Unix socket's path.
        case socket(String)
        case tls(NetworkPlace)
    }

    public let place: Place

    /// The socket's path, where it is a Unix socket.
    public var path: String? { if case .socket(let path) = place { path } else { nil } }

    /// Reads an address; other schemes (`tcp:`, `exec:`), abstract sockets (`@`) and options (`;`) are refused.
    public init(_ text: String) throws(VarlinkClientError) {
        if text.hasPrefix("tls:") {
            guard let network = NetworkPlace(String(text.dropFirst(4))), network.port > 0 else {
                throw .badAddress(text)
            }
            place = .tls(network)
            return
        }
        let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
        let beginning = path.prefix { $0 != "/" }
        guard (1...SocketFile.longestPath).contains(path.utf8.count), !path.utf8.contains(0), !path.hasPrefix("@"),
            !beginning.contains(":"), !path.contains(";")
        else { throw .badAddress(text) }
        place = .socket(path)
    }

    public var description: String {
        switch place {
        case .socket(let path): "unix:\(path)"
        case .tls(let network): "tls:\(network)"
        }
    }
}
