import Glibc

/// The sockets that tpm2-tss has open to an emulated chip. It does not tell them (Tss2_Tcti_GetPollHandles is not implemented
/// in 3.2), so they are found by whom they are connected to. For a device there is nothing to do: the kernel has
/// time limits of its own.
enum EmulatorSockets {
    /// Shuts them down, which wakes the call that waits on one.
    static func shutDown(_ configuration: String) {
        guard configuration.hasPrefix("swtpm") || configuration.hasPrefix("mssim") else { return }
        for descriptor in Int32(3)..<4096 where isConnected(descriptor, to: configuration) {
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }

    private static func isConnected(_ descriptor: Int32, to configuration: String) -> Bool {
        var peer = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutableBytes(of: &peer) { bytes in
            guard let start = bytes.baseAddress,
                unsafe getpeername(descriptor, start.assumingMemoryBound(to: sockaddr.self), &size) == 0
            else { return false }
            // sockaddr_un is a family and a path; sockaddr_in and _in6 a family and a port, big-endian.
            let rest = unsafe Array(bytes[2..<max(2, Int(size))])
            switch Int32(unsafe start.load(as: sa_family_t.self)) {
            case AF_UNIX:
                let path = String(decoding: rest.prefix { $0 != 0 }, as: UTF8.self)
                return configuration.hasSuffix("path=\(path)") || "\(configuration).ctrl".hasSuffix("path=\(path)")
            case AF_INET, AF_INET6:
                let port = Int(rest[0]) << 8 | Int(rest[1])
                return configuration.contains("port=\(port)") || !configuration.contains("port=") && port == 2321
            default: return false
            }
        }
    }
}
