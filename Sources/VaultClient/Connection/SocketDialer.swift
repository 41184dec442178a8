import VaultAPI
import Varlink

/// Reaches a vault through its Unix socket, or on the network under TLS.
public struct SocketDialer: VaultDialer {
    public let address: String
    private let socket: VarlinkAddress
    private let credentials: NetworkCredentials?
    private let replyDeadline: Duration

    /// - Parameters:
    ///   - address: `unix:/run/tenpin/vault.sock`, the path alone, or `tls:vault.example:7443`.
    ///   - credentials: for an address on the network.
    public init(
        _ address: String, credentials: NetworkCredentials? = nil, replyDeadline: Duration = .seconds(30)
    ) throws(VaultClientError) {
        do throws(VarlinkClientError) {
            socket = try VarlinkAddress(address)
        } catch {
            throw VaultClientError(VaultClientError.Reason.badAddress(address))
        }
        self.address = socket.description
        self.credentials = credentials
        self.replyDeadline = replyDeadline
    }

    /// Whether the vault is on the network.
    public var isRemote: Bool { socket.path == nil }

    public func connect() async throws(VaultClientError) -> any VaultConnection {
        guard isRemote else { return SocketConnection(client: try await reach()) }
        guard let credentials else { throw VaultClientError(.access(.tokenMissing)) }
        let token = try credentials.token(for: address)
        // The attack: 1. somebody answers in the vault's place; 2. the device shows him its token, which serves at the vault.
        // `reach` ends where the other side cannot prove its name.
        let client = try await reach()
        do throws(VarlinkClientError) {
            _ = try await client.call(Present.name, Present(token: token), returning: Present.Reply.self)
        } catch {
            await client.close()
            throw VaultClientError(error)
        }
        return SocketConnection(client: client)
    }

    private func reach() async throws(VaultClientError) -> VarlinkClient {
        do throws(VarlinkClientError) {
            return try await VarlinkClient.connect(
                to: socket, trust: credentials?.trust, replyDeadline: replyDeadline)
        } catch {
            if case .untrusted(_, let reason) = error { throw VaultClientError(.serverNotProven(address, reason)) }
            throw VaultClientError(VaultClientError.Reason.unreachable(address))
        }
    }
}

private struct SocketConnection: VaultConnection {
    let client: VarlinkClient

    func call<M: VaultMethod>(_ method: M) async throws(VaultClientError) -> M.Reply {
        do throws(VarlinkClientError) {
            return try await client.call("\(VaultInterface.name).\(M.name)", method, returning: M.Reply.self)
        } catch {
            throw VaultClientError(error)
        }
    }

    func close() async { await client.close() }
}

extension VaultClientError {
    /// What a failed call means. Of a remote error only its name is believed, and only one of the list.
    init(_ error: VarlinkClientError) {
        switch error {
        case .closed, .timedOut, .unreachable, .untrusted: self = .connectionLost
        case .malformed(let reason): self = .brokenReply(printable(reason))
        case .badAddress, .unusableCall: self = .brokenReply("the call cannot be sent")
        case .remote(let name, _):
            let prefix = "\(VaultInterface.name)."
            if name.hasPrefix(prefix), let fault = VaultFault(rawValue: String(name.dropFirst(prefix.count))) {
                self = .fault(fault)
            } else if let fault = AccessFault(wireName: name) {
                self = VaultClientError(.access(fault))
            } else if ["TooManyConnections", "ShuttingDown", "IntroductionOver"].contains(where: {
                name == "org.tenpin.Transport.\($0)"
            }) {
                self = .connectionLost
            } else {
                self = .brokenReply("it answered with the error \(printable(name))")
            }
        }
    }
}
