import Secrets
import VaultAPI
import Varlink

/// What this device needs for a vault on the network: whose certificates it believes, and its account service's tokens.
public struct NetworkCredentials: Sendable {
    let trust: TLSTrust?
    private let tokenFile: String?

    /// The largest token file, in bytes.
    private static let limit = 65_536

    /// - Parameters:
    ///   - authorities: a PEM file of the only authorities to believe; without it the system's.
    ///   - tokenFile: read anew for each connection, since tokens are replaced before their time is over.
    public init(authorities: String? = nil, tokenFile: String? = nil) throws(TLSFault) {
        trust = try authorities.map { path throws(TLSFault) in try TLSTrust(authorities: path) }
        self.tokenFile = tokenFile
    }

    /// The token for the vault at this address: the first line of the file that is for it, or for any. A line is a token, or
    /// an address, a space and a token.
    func token(for address: String) throws(VaultClientError) -> String {
        guard let tokenFile else { throw VaultClientError(.access(.tokenMissing)) }
        let contents: SecretBytes?
        do throws(DeviceStateError) {
            contents = try PrivateFile.read(tokenFile, limit: Self.limit)
        } catch {
            throw VaultClientError(.state(error))
        }
        guard let contents else { throw VaultClientError(.access(.tokenMissing)) }
        // A token leaves this device with every call that shows it, so its bytes need not be kept apart.
        let lines = String(decoding: contents.published, as: UTF8.self).split(whereSeparator: \.isNewline)
        for line in lines {
            let fields = line.split(separator: " ")
            guard let token = fields.last, !token.hasPrefix("#") else { continue }
            if fields.count == 1 || fields.count == 2 && fields[0] == address { return String(token) }
        }
        throw VaultClientError(.access(.tokenMissing))
    }
}
