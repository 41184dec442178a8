import Crypto
import Glibc
import Secrets
import TPM
import VaultAPI

/// Where a device keeps things, as `~/.tenpin`.
public struct DeviceHome: Hashable, Sendable {
    /// An absolute path.
    public let path: String

    public init(_ path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// The pinned vaults.
    public var knownVaultsPath: String { "\(path)/known-vaults" }

    /// The account's folder; its name is a hash, because an account's name may be anything.
    func folder(of account: Account) -> String {
        "\(path)/accounts/\(SHA256.hash(data: Array(account.id.utf8)).hexadecimal)"
    }
}

/// One account's folder, held by this process alone.
struct AccountFolder: ~Copyable, Sendable {
    private let path: String
    private let account: Account
    private let lock: FolderLock

    private static let file = "state"

    /// Makes the folder if need be and locks it.
    init(_ account: Account, in home: DeviceHome) throws(DeviceStateError) {
        path = home.folder(of: account)
        self.account = account
        try PrivateFile.makeFolder(path)
        lock = try FolderLock(path)
    }

    /// The state, or an empty one where nothing was kept.
    func load() throws(DeviceStateError) -> DeviceState {
        let file = "\(path)/\(Self.file)"
        guard let contents = try PrivateFile.read(file, limit: DeviceState.maximumSize) else {
            return DeviceState(account: account)
        }
        let state = try DeviceState(decoding: contents, path: file)
        guard state.account == account else { throw .otherAccount(file) }
        return state
    }

    func save(_ state: DeviceState) throws(DeviceStateError) {
        try PrivateFile.write(state.encoded(), to: Self.file, in: path)
    }
}
