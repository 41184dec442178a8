import Foundation
import Logging
import Synchronization
import TPM
import TestSupport
import Varlink
import Vault
import VaultAPI

/// A vault on a real chip of its own, served on a real socket, for one test.
public final class ServedVault: Sendable {
    public let chip: Swtpm
    public let home: String
    public let socket: String
    /// What stands between vault and chip, where it is asked for.
    public let relay: ChipRelay?
    private let rest: Duration
    private let server: Mutex<VarlinkServer?>
    private let opened = Mutex<Vault?>(nil)
    private let clock = Mutex<TimeInterval>(0)
    private let numbers = Mutex<UInt64>(0)
    /// The run that is under way, and the ones that were killed.
    private let run = Mutex(0)
    private let killed = Mutex<Set<Int>>([])

    private init(_ chip: Swtpm, _ relay: ChipRelay?, rest: Duration) {
        self.chip = chip
        self.rest = rest
        self.relay = relay
        home = chip.folder.path + "/vault"
        socket = chip.folder.path + "/vault.sock"
        server = Mutex(nil)
    }

    /// Provisions, serves, runs `body`, and ends everything.
    public static func with<R: Sendable>(
        _ identity: Swtpm.Identity = .shared, capacity: Int? = 900, writesPerDay: Int = 1000,
        endorsement: EndorsementTemplate? = nil, relayed: Bool = false, rest: Duration = Vault.restsAfter,
        supplied: @Sendable (Swtpm) async throws -> SuppliedCertificates = { _ in SuppliedCertificates() },
        _ body: @Sendable (ServedVault) async throws -> R
    ) async throws -> R {
        try await withSwtpm(identity) { chip in
            let relay = relayed ? try ChipRelay(chip) : nil
            defer { relay?.end() }
            let served = ServedVault(chip, relay, rest: rest)
            do {
                let certificates = try await supplied(chip)
                var provision = try Provision(tcti: chip.tcti, ownerAuthorization: []) { _ in }
                provision.supplied = certificates
                var made = try provision.run(
                    home: served.home, endorsement: endorsement, measureCapacity: false, allowEmulated: true,
                    properties: [])
                made.capacity = capacity
                made.writesPerDay = writesPerDay
                if let relay { made.tcti = relay.tcti }
                try made.write(home: served.home)
            }
            try await served.start()
            do {
                let result = try await body(served)
                await served.stop()
                return result
            } catch {
                await served.stop()
                throw error
            }
        }
    }

    /// Opens the vault anew and serves it.
    public func start() async throws {
        var log = Logger(label: "test")
        log.logLevel = .critical
        let vault = try await Vault.open(home: home, log: log, rest: rest) { [self] in
            Date().addingTimeInterval(clock.withLock { $0 })
        }
        let number = run.withLock { last in
            last += 1
            return last
        }
        let started = try await VarlinkServer.start(
            at: socket,
            service: VarlinkService(
                vendor: "Tenpin", product: "test", version: "0", url: "",
                interfaces: [VarlinkInterface(name: VaultInterface.name, description: VaultInterface.description)]),
            conversation: { [self] _ in
                MortalConversation(
                    inner: Conversation(vault, ConnectionID(next())),
                    isKilled: { [self] in killed.withLock { $0.contains(number) } })
            })
        server.withLock { $0 = started }
        opened.withLock { $0 = vault }
    }

    /// The vault that is served, for calls without a socket. Whoever keeps it keeps the chip.
    public var vault: Vault? { opened.withLock { $0 } }

    private func next() -> UInt64 {
        numbers.withLock { last in
            last += 1
            return last
        }
    }

    /// Ends it as SIGTERM does.
    public func stop() async { await end(certifying: true) }

    private func end(certifying: Bool) async {
        let vault = opened.withLock { opened in
            let current = opened
            opened = nil
            return current
        }
        let ended = server.withLock { server in
            let current = server
            server = nil
            return current
        }
        await ended?.shutdown(within: .seconds(10))
        if certifying { await vault?.close() }
    }

    /// Ends it as SIGKILL does: no conversation is wound up, and what it had on the chip stays there.
    public func kill() async {
        let number = run.withLock { $0 }
        _ = killed.withLock { $0.insert(number) }
        await end(certifying: false)
    }

    /// Vault stopped, chip's power cut, both started again.
    public func powerCut() async throws {
        await stop()
        try await chip.restart()
        try await start()
    }

    /// Stops the vault, lends the chip to an attacker or an independent eye, and serves again.
    public func whileStopped<R: Sendable>(_ body: @Sendable () async throws -> R) async throws -> R {
        await stop()
        let result = try await body()
        try await start()
        return result
    }

    /// Moves the vault's clock.
    public func advance(days: Int) {
        clock.withLock { $0 += Double(days) * 86400 }
    }

    /// A connection to the socket.
    public func connect() async throws -> VarlinkClient {
        try await VarlinkClient.connect(to: VarlinkAddress(socket))
    }
}

/// A conversation that is not wound up when its vault was killed.
private struct MortalConversation: VarlinkConversation {
    let inner: Conversation
    let isKilled: @Sendable () -> Bool

    func handle(_ call: VarlinkCall) async -> VarlinkReply { await inner.handle(call) }

    func ended() async {
        if !isKilled() { await inner.ended() }
    }
}
