import Glibc
import NIOCore

/// A host and a port on the network, written as `vault.example:7443`, `192.0.2.7:7443` or `[2001:db8::7]:7443`.
public struct NetworkPlace: Sendable, Equatable, CustomStringConvertible {
    /// A name in lower case, or an address without brackets.
    public let host: String
    public let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads a place; `nil` for anything else. Port 0 is one that the system chooses.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        let name = text[..<colon]
        let isBracketed = name.hasPrefix("[") && name.hasSuffix("]")
        let host = String(isBracketed ? name.dropFirst().dropLast() : name).lowercased()
        guard isBracketed == host.contains(":"), (1...253).contains(host.utf8.count),
            host.utf8.allSatisfy({ Self.isPlain($0) || isBracketed && $0 == UInt8(ascii: ":") })
        else { return nil }
        self.init(host: host, port: Int(port))
    }

    /// Whether the host is an address and not a name.
    var isAddress: Bool { (try? SocketAddress(ipAddress: host, port: 0)) != nil }

    /// Whether only this machine reaches it.
    public var isLoopback: Bool { host == "::1" || host == "localhost" || isAddress && host.hasPrefix("127.") }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension SocketAddress {
    /// Where it is, without the port.
    var host: String { ipAddress ?? "unknown" }

    /// The bytes that a network's owner chooses from the outside: all four of IPv4, the first eight of IPv6.
    var networkBytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard let text = ipAddress else { return [] }
        if unsafe inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        guard unsafe inet_pton(AF_INET6, text, &bytes) == 1 else { return [] }
        // ::ffff:a.b.c.d, an IPv4 peer at a socket for both.
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return Array(bytes.starts(with: mapped) ? bytes.suffix(4) : bytes.prefix(8))
    }
}
