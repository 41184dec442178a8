import Glibc
import NIOSSL
import Synchronization

/// A server's certificate and key, from files that may be replaced while it serves.
public final class TLSIdentity: Sendable {
    /// Where they are, all PEM.
    public struct Files: Sendable {
        /// The server's certificate and the steps towards its root.
        public var certificate: String
        /// Its private key; not for others to read.
        public var key: String
        /// The authority of programs that speak for many, if there are any.
        public var gatewayAuthority: String?

        public init(certificate: String, key: String, gatewayAuthority: String? = nil) {
            self.certificate = certificate
            self.key = key
            self.gatewayAuthority = gatewayAuthority
        }
    }

    /// What the files held when they were read.
    struct Reading: Sendable {
        let context: NIOSSLContext
        /// Whose clients' certificates hold; none where a client's certificate says nothing.
        let gatewayAuthorities: [NIOSSLCertificate]
    }

    private let files: Files
    private let reading: Mutex<Reading>

    /// For the next connection.
    var current: Reading { reading.withLock { $0 } }

    /// Reads the files.
    public init(_ files: Files) throws(TLSFault) {
        self.files = files
        reading = Mutex(try Self.read(files))
    }

    /// Reads the files again; where they cannot be used, what was read before stays.
    public func reload() throws(TLSFault) {
        let fresh = try Self.read(files)
        reading.withLock { $0 = fresh }
    }

    private static func read(_ files: Files) throws(TLSFault) -> Reading {
        let chain = try certificates(files.certificate)
        try checkMode(files.key)
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        } catch {
            throw .unreadable(files.key, "a private key")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv13
        let gatewayAuthorities =
            try files.gatewayAuthority.map { path throws(TLSFault) in try certificates(path) } ?? []
        if !gatewayAuthorities.isEmpty {
            // Devices have no certificate; who shows one must show a right one.
            configuration.certificateVerification = .optionalVerification
            configuration.trustRoots = .certificates(gatewayAuthorities)
        }
        do {
            return Reading(
                context: try NIOSSLContext(configuration: configuration), gatewayAuthorities: gatewayAuthorities)
        } catch {
            throw .doNotFit(certificate: files.certificate, key: files.key)
        }
    }

    static func certificates(_ path: String) throws(TLSFault) -> [NIOSSLCertificate] {
        guard let found = try? NIOSSLCertificate.fromPEMFile(path), !found.isEmpty else {
            throw .unreadable(path, "a certificate")
        }
        return found
    }

    /// A group may read it, as Debian's `ssl-cert` does and as systemd's credentials look.
    private static func checkMode(_ path: String) throws(TLSFault) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw .unreadable(path, "a private key") }
        guard status.st_mode & 0o027 == 0 else { throw .readableByOthers(path) }
    }
}

/// Whose certificates a client believes.
public final class TLSTrust: Sendable {
    let context: NIOSSLContext

    /// The system's authorities, or those of a PEM file and no others.
    public init(authorities path: String? = nil) throws(TLSFault) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = .fullVerification
        if let path { configuration.trustRoots = .certificates(try TLSIdentity.certificates(path)) }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .unreadable(path ?? "the system's trust store", "a certificate")
        }
    }
}

/// What is wrong with files for TLS.
public enum TLSFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file cannot be read as what it should hold.
    case unreadable(String, String)
    /// Others than owner and group may read the private key, or others than its owner write it.
    case readableByOthers(String)
    /// The key is not the certificate's.
    case doNotFit(certificate: String, key: String)

    public var description: String {
        switch self {
        case .unreadable(let path, let what):
            "\(path) cannot be read as \(what) in PEM; check the file and who may read it."
        case .readableByOthers(let path):
            "\(path) can be read by others; find out who did, and run chmod 600 on it."
        case .doNotFit(let certificate, let key):
            "The key in \(key) is not the one of the certificate in \(certificate)."
        }
    }
}
