import Secrets
import VaultAPI
import Varlink

/// What this device needs for a vault on the network: whose certificates it believes, and its account service's tokens.
public struct NetworkCredentials: Sendable {
    let trust: TLSTrust?
    private let tokenFile: String?
    private let isForOneVault: Bool

    /// The largest token file, in bytes.
    private static let limit = 65_536

    /// - Parameters:
    ///   - authorities: a PEM file of the only authorities to believe; without it the system's.
    ///   - tokenFile: read anew for each connection, since tokens are replaced before their time is over.
    ///   - isForOneVault: whether a token that names no address may be shown. Of several vaults each would have the others' token,
    ///     and could spend guesses there.
    public init(
        authorities: String? = nil, tokenFile: String? = nil, isForOneVault: Bool = true
    ) throws(TLSFault) {
        trust = try authorities.map { path throws(TLSFault) in try TLSTrust(authorities: path) }
        self.tokenFile = tokenFile
        self.isForOneVault = isForOneVault
    }

    /// The token for the vault at this address: the file's first line that is for it, or else the first that names no address. A
    /// line is a token, or an address, a space and a token.
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
            .map { $0.split(separator: " ") }
        let own = lines.first { $0.count == 2 && $0[0] == address }
        let any = lines.first { $0.count == 1 && !$0[0].hasPrefix("#") }
        guard let token = own?.last ?? (isForOneVault ? any?.last : nil) else {
            throw VaultClientError(.access(.tokenMissing))
        }
        return String(token)
    }
}
