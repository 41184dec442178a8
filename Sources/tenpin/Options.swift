import ArgumentParser
import CommandOptions
import Endorsement
import Foundation
import Secrets
import Synchronization
import TPM
import VaultAPI
import VaultClient

private func environment(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
}

/// The folder of this device's keys and pins, where no option names one.
let defaultHome = environment("TENPIN_HOME") ?? (environment("HOME") ?? NSHomeDirectory()) + "/.tenpin"

/// The vaults, where no option names one. Several have spaces between them and say unix: or tls: each, for a path may have
/// spaces too.
let defaultVaults =
    (environment("TENPIN_VAULT") ?? "unix:/run/tenpin/vault.sock").split(separator: /\s+(?=(?:unix|tls):)/)
    .map { String($0) }

extension DeviceHome {
    /// A path as it is written in a shell.
    init(written path: String) { self.init(absolute(path)) }
}

/// The path from the root on.
func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
}

/// Which account, and where this device keeps its files.
struct DeviceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The folder of this device's keys and pins. [$TENPIN_HOME]", valueName: "folder"))
    var home = defaultHome

    @Option(help: "The account, 1 to 128 bytes. [$TENPIN_ACCOUNT]")
    var account: String?

    var deviceHome: DeviceHome { DeviceHome(written: home) }

    /// The device's side of the account that was named.
    func openNamed() throws -> Device {
        guard let account = account ?? environment("TENPIN_ACCOUNT") else {
            throw ValidationError("Say whose backup it is with --account or TENPIN_ACCOUNT. No guess was spent.")
        }
        return try open(account)
    }

    /// The same, and without a name the account `default`: for what needs no vault.
    func open() throws -> Device { try open(account ?? environment("TENPIN_ACCOUNT") ?? "default") }

    private func open(_ name: String) throws -> Device {
        let account: Account
        do {
            account = try Account(name)
        } catch {
            throw ValidationError("\(error)")
        }
        // Another command, as the other end of a pipe, holds the account's lock for a moment.
        let patience = ContinuousClock.now + .seconds(2)
        while true {
            do throws(DeviceStateError) {
                return try Device(account, in: deviceHome)
            } catch {
                guard error == .inUse, ContinuousClock.now < patience else { throw error }
            }
            usleep(20_000)
        }
    }
}

/// Which vaults, and on what terms they are trusted.
struct VaultOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The vault's socket, unix:/path, or its place on the network, tls:host:port. Of several vaults that hold the \
            key together, one each. [$TENPIN_VAULT, with spaces between several]
            """,
            valueName: "address"))
    var vault: [String] = []

    @OptionGroup var network: NetworkCredentialOptions

    @OptionGroup var authorities: AuthorityOptions

    @Option(
        help: ArgumentHelp(
            "The endorsement Name that the vault must have; of several vaults in the same order.", valueName: "hex"))
    var endorsementName: [String] = []

    @Flag(help: "Use a vault whose TPM is emulated: its host can guess without limit. For trials.")
    var allowEmulated = false

    @Flag(help: "Pin a vault that is new to this device without asking.")
    var acceptNewVault = false

    /// As the person named them.
    var addresses: [String] { vault.isEmpty ? defaultVaults : vault }

    func validate() throws {
        guard (1...Recipe.maximumVaults).contains(addresses.count) else {
            throw ValidationError("Name 1 to \(Recipe.maximumVaults) vaults with --vault or TENPIN_VAULT.")
        }
        guard endorsementName.isEmpty || endorsementName.count == addresses.count else {
            throw ValidationError("Give --endorsement-name once for each vault, in the same order, or not at all.")
        }
    }

    /// Connects to the one vault that this is about.
    func link(_ home: DeviceHome) async throws -> VaultLink {
        _ = try only()
        return try await fleet(home, waiting: .all).links[0]
    }

    /// The address of the one vault that this is about.
    func only() throws -> String {
        guard let first = addresses.first, addresses.count == 1 else {
            throw ValidationError("This is about one vault alone; name it with --vault. No guess was spent.")
        }
        return first
    }

    /// Connects to the vaults, and pins those that are new and confirmed. Of several, those that cannot be reached are told.
    func fleet(_ home: DeviceHome, waiting: Fleet.Waiting) async throws -> Fleet {
        let shown = WorkNotice()
        // How many are shown a token.
        let remote = addresses.count { $0.hasPrefix("tls:") }
        let credentials = try network.read(isForOneVault: remote <= 1)
        let dialers = try addresses.map { try PinnedDialer($0, credentials) }
        let policies = try dialers.indices.map { try policy(home, $0) }
        let pinned = Set(try KnownVaults(home: home).entries.map(\.address))
        // Who is asked about a new vault is not to be hurried.
        let isAsked = !acceptNewVault && dialers.contains { !pinned.contains($0.address) }
        let fleet = try await Fleet.open(dialers.map(\.address), waiting: isAsked ? .all : waiting) {
            (index) async throws(VaultClientError) in
            // Of several, one that is down is not waited for.
            try await VaultLink.open(
                dialers[index], trust: policies[index], insisting: dialers.count == 1 || waiting != .most
            ) { shown.note($0) }
        }
        for link in fleet.links {
            let which = fleet.count == 1 ? "this vault" : "the vault at \(link.address)"
            Console.note("Note: \(which)'s TPM is \(link.vault.tier.sentence)")
            for flaw in link.vault.flaws { Console.say("Warning: \(flaw.warning)") }
            guard link.vault.isNew else { continue }
            try KnownVaults.update(in: home) { known in
                known.pin(.init(name: link.vault.endorsementName, address: link.address, date: Self.today))
            }
            Console.note("Pinned the vault \(link.vault.fingerprint).")
        }
        return fleet
    }

    /// The terms that the options and the pins make for the vault of this number.
    func policy(_ home: DeviceHome, _ index: Int = 0) throws -> TrustPolicy {
        let accept = acceptNewVault
        return TrustPolicy(
            authorities: try authorities.read(), known: try KnownVaults(home: home),
            expectedName: try endorsementName.isEmpty ? nil : Name(option: endorsementName[index]),
            allowEmulated: allowEmulated
        ) { vault in
            if accept { return true }
            return await Questions.shared.ask("\(describe(vault))\nTrust this vault from now on?")
        }
    }

    static var today: String { String(ISO8601DateFormatter().string(from: Date()).prefix(10)) }
}

extension Name {
    /// The value of --endorsement-name.
    init(option digits: String) throws {
        guard let name = Name(digits: digits.filter { $0 != " " }) else {
            throw ValidationError("--endorsement-name takes the hexadecimal digits that `tenpin-vault status` shows.")
        }
        self = name
    }
}

/// What a vault on the network is shown and must show.
struct NetworkCredentialOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "For tls: addresses: believe the authorities in this PEM file, and not the system's. [$TENPIN_TLS_CA]",
            valueName: "file"))
    var tlsCa: String?

    @Option(
        help: ArgumentHelp(
            """
            For tls: addresses: a file that only you read, with your account service's token; for several vaults a line for \
            each, its address, a space and a token. [$TENPIN_TOKEN_FILE]
            """, valueName: "file"))
    var tokenFile: String?

    func read(isForOneVault: Bool = true) throws -> NetworkCredentials {
        do {
            return try NetworkCredentials(
                authorities: tlsCa ?? environment("TENPIN_TLS_CA"),
                tokenFile: (tokenFile ?? environment("TENPIN_TOKEN_FILE")).map(absolute),
                isForOneVault: isForOneVault)
        } catch {
            throw ValidationError("--tls-ca: \(error)")
        }
    }
}

/// The way to a vault under the address that pins name: one that begins at the root, since the same relative one
/// is another socket in another folder. The socket is reached by the path as it was written, which may be shorter.
struct PinnedDialer: VaultDialer {
    let address: String
    private let socket: SocketDialer

    init(_ address: String, _ credentials: NetworkCredentials) throws(VaultClientError) {
        socket = try SocketDialer(address, credentials: credentials)
        guard !socket.isRemote else {
            self.address = socket.address
            return
        }
        let path = absolute(String(socket.address.dropFirst("unix:".count)))
        self.address = "unix:" + URL(filePath: path).standardized.path(percentEncoded: false)
    }

    func connect() async throws(VaultClientError) -> any VaultConnection { try await socket.connect() }
}

/// A vault as a person compares it.
func describe(_ vault: TrustedVault) -> String {
    """
    Endorsement Name  \(vault.fingerprint)
    Certificate       \(vault.certificate.chip.manufacturer) \(vault.certificate.chip.model), \
    issued by \(vault.certificate.issuer)
    Root              \(vault.pinnedRoot.map { "\($0.name), pinned" } ?? "of your own (--trust-root)")
    Chip              \(vault.chip.manufacturer) \(vault.chip.vendorString), firmware \(vault.chip.firmwareVersion)
    Trust tier        \(vault.tier.sentence)
    """ + vault.flaws.map { "\nWARNING           \($0.warning)" }.joined()
}

/// What a script is told of the vault's TPM.
struct TrustReport: Encodable {
    let tier: TrustTier
    let withstands: String
    /// Published attacks on its firmware, a sentence each.
    let warnings: [String]

    init(_ vault: TrustedVault) {
        tier = vault.tier
        withstands = vault.tier.withstands
        warnings = vault.flaws.map(\.warning)
    }
}

/// Asks one question at a time, also where several vaults are reached at once.
private actor Questions {
    static let shared = Questions()

    func ask(_ question: String) -> Bool { Console.confirms(question) }
}

/// Says on a terminal that Argon2id is at work, which takes a second or more.
private final class WorkNotice: Sendable {
    private let spinner = Mutex<Spinner?>(nil)

    func note(_ step: ClientStep) {
        switch step {
        case .stretching(let parameters):
            spinner.withLock { $0 = Spinner("Working on the password (Argon2id, \(parameters.memoryKiB / 1024) MiB)") }
        case .stretched: spinner.withLock { $0 = nil }
        default: break
        }
    }
}
