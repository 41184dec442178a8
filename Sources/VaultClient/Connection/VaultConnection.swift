import VaultAPI

/// One conversation with a vault. Its sessions live and die with it.
public protocol VaultConnection: Sendable {
    /// Calls a method and waits for its reply. `connectionLost` and `brokenReply` leave it unknown whether it was done.
    func call<M: VaultMethod>(_ method: M) async throws(VaultClientError) -> M.Reply
    func close() async
}

/// Makes connections to one vault.
public protocol VaultDialer: Sendable {
    /// Where the vault is, as a person wrote it.
    var address: String { get }
    func connect() async throws(VaultClientError) -> any VaultConnection
}
