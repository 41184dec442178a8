import ArgumentParser
import Foundation
import Synchronization
import TPM
import Tokens
import Varlink
import Vault
import VaultAPI

/// The vault on the network: where, behind which certificate, and whose word counts there.
struct NetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Also serve on this network address, with TLS 1.3 only; [address]:port for IPv6.", valueName: "host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("The server's certificate and the steps to its root, PEM.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("Its private key, PEM, not for others to read.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            """
            The account service's public keys: a JWKS document, or one Ed25519 or P-256 key in PEM. A caller with a token \
            signed by one of them speaks for the token's account.
            """, valueName: "file"))
    var tokenKeys: String?

    @Option(
        help: ArgumentHelp(
            """
            What tokens call this vault (their `aud`), beside its endorsement Name in hexadecimal digits, which they may \
            always use. Give no two vaults the same.
            """, valueName: "name"))
    var tokenAudience: String?

    @Option(help: ArgumentHelp("The claim that holds the account.", valueName: "claim"))
    var tokenAccountClaim = "sub"

    @Option(
        name: .customLong("gateway-ca"),
        help: ArgumentHelp(
            """
            An authority of gateways, PEM. A caller with a certificate from it may speak for every account, as whoever \
            connects to the socket may: give it an authority that certifies nothing else.
            """, valueName: "file"))
    var gatewayAuthority: String?

    func validate() throws {
        guard listen != nil else {
            guard tlsCertificate == nil, tlsKey == nil, tokenKeys == nil, tokenAudience == nil, gatewayAuthority == nil
            else { throw ValidationError("Say with --listen where the vault is on the network.") }
            return
        }
        guard tlsCertificate != nil, tlsKey != nil else {
            throw ValidationError("--listen needs --tls-certificate and --tls-key.")
        }
        guard tokenKeys != nil || gatewayAuthority != nil else {
            throw ValidationError(
                "--listen needs --token-keys, --gateway-ca or both; without them nobody could come in.")
        }
    }

    /// Reads the files; `nil` where the vault is not on the network.
    func door(endorsementName: Name) async throws -> NetworkDoor? {
        guard let listen, let tlsCertificate, let tlsKey else { return nil }
        guard let place = NetworkPlace(listen) else {
            throw ValidationError("\(listen) is not a network address; give it as host:port or [address]:port.")
        }
        let identity = try TLSIdentity(
            .init(certificate: tlsCertificate, key: tlsKey, gatewayAuthority: gatewayAuthority))
        let audiences = Set([endorsementName.description] + (tokenAudience.map { [$0] } ?? []))
        let keys = tokenKeys.map { TokenKeysFile(path: $0, accountClaim: tokenAccountClaim, audiences: audiences) }
        return NetworkDoor(place: place, identity: identity, keys: keys, verifier: try await keys?.read())
    }
}

/// Where the account service's public keys are, and what tokens must say.
struct TokenKeysFile: Sendable {
    let path: String
    let accountClaim: String
    let audiences: Set<String>

    func read() async throws -> TokenVerifier {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: TokenKeys.maximumBytes + 1)
        else { throw ValidationError("The token keys \(path) cannot be read.") }
        do throws(TokenKeysError) {
            return TokenVerifier(
                keys: try await TokenKeys(data), audiences: audiences, accountClaim: accountClaim)
        } catch {
            throw ValidationError("\(path): \(error)")
        }
    }
}

/// What decides who comes in from the network, from files that are read again when the operator says so.
final class NetworkDoor: Sendable {
    private struct Reading {
        var verifier: TokenVerifier?
        var number = 0
    }

    let place: NetworkPlace
    let identity: TLSIdentity
    private let keys: TokenKeysFile?
    private let reading: Mutex<Reading>

    init(place: NetworkPlace, identity: TLSIdentity, keys: TokenKeysFile?, verifier: TokenVerifier?) {
        self.place = place
        self.identity = identity
        self.keys = keys
        reading = Mutex(Reading(verifier: verifier))
    }

    /// Reads all files again; where one cannot be used, what all of them held before stays.
    func reload() async throws {
        let fresh = try await keys?.read()
        try identity.reload()
        guard let fresh else { return }
        reading.withLock { $0 = Reading(verifier: fresh, number: $0.number + 1) }
    }

    /// The service's side of a connection.
    func conversation(_ peer: RemotePeer, _ conversation: Conversation) -> RemoteConversation {
        RemoteConversation(peer, conversation, keys: { self.reading.withLock { $0.number } }) {
            (token, now) throws(AccessFault) in
            let reading = self.reading.withLock { $0 }
            // With gateways alone, no key signs for anybody.
            guard let verifier = reading.verifier else { throw .tokenKeyUnknown }
            let voucher = try await verifier.verify(token, at: now)
            return RemoteConversation.Standing(account: voucher.account, ends: voucher.ends, keys: reading.number)
        }
    }
}
