import VaultAPI
import Varlink

/// Reaches a vault through its Unix socket.
public struct SocketDialer: VaultDialer {
    public let address: String
    private let socket: VarlinkAddress
    private let replyDeadline: Duration

    /// - Parameter address: `unix:/run/tenpin/vault.sock`, or the path alone.
    public init(_ address: String, replyDeadline: Duration = .seconds(30)) throws(VaultClientError) {
        do throws(VarlinkClientError) {
            socket = try VarlinkAddress(address)
        } catch {
            throw VaultClientError(VaultClientError.Reason.badAddress(address))
        }
        self.address = socket.description
        self.replyDeadline = replyDeadline
    }

    public func connect() async throws(VaultClientError) -> any VaultConnection {
        do throws(VarlinkClientError) {
            return SocketConnection(
                client: try await VarlinkClient.connect(to: socket, replyDeadline: replyDeadline))
        } catch {
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
        case .closed, .timedOut, .unreachable: self = .connectionLost
        case .malformed(let reason): self = .brokenReply(printable(reason))
        case .badAddress, .unusableCall: self = .brokenReply("the call cannot be sent")
        case .remote(let name, _):
            let prefix = "\(VaultInterface.name)."
            if name.hasPrefix(prefix), let fault = VaultFault(rawValue: String(name.dropFirst(prefix.count))) {
                self = .fault(fault)
            } else if ["TooManyConnections", "ShuttingDown"].contains(where: { name == "org.tenpin.Transport.\($0)" }) {
                self = .connectionLost
            } else {
                self = .brokenReply("it answered with the error \(printable(name))")
            }
        }
    }
}
