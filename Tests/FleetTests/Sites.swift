import DeviceTestSupport
import Endorsement
import Foundation
import NIOCore
import OPRF
import Passwords
import Secrets
import TPM
import TPMDevice
import TestSupport
import VaultAPI
import VaultTestSupport

@testable import Vault
@testable import VaultClient

/// Several vaults, each with a chip and a socket of its own, and a courier before each of them that does as a test says.
struct Sites: Sendable {
    let vaults: [ServedVault]
    let couriers: [HostileCourier]
    private let trust: TrustPolicy
    private let homes: URL

    /// - Parameters:
    ///   - relayed: whether there is a relay between each vault and its chip.
    ///   - roundTrip: how far away all vaults are.
    static func with<R: Sendable>(
        _ count: Int = 3, relayed: Bool = false, roundTrip: Duration? = nil,
        _ body: @escaping @Sendable (Sites) async throws -> R
    ) async throws -> R {
        try await serve(count, [], relayed) { vaults in
            let homes = try temporaryFolder()
            defer { try? FileManager.default.removeItem(at: homes) }
            var (sockets, ways): ([String], [any Channel]) = (vaults.map(\.socket), [])
            if let roundTrip {
                for (number, socket) in sockets.enumerated() {
                    sockets[number] = homes.appending(path: "far-\(number)").path()
                    ways.append(try await Distance.relay(sockets[number], to: socket, roundTrip: roundTrip))
                }
            }
            let sites = try Sites(vaults, at: sockets, homes)
            do {
                let result = try await body(sites)
                for way in ways { try await way.close() }
                return result
            } catch {
                for way in ways { try await way.close() }
                throw error
            }
        }
    }

    private static func serve<R: Sendable>(
        _ count: Int, _ vaults: [ServedVault], _ relayed: Bool,
        _ body: @escaping @Sendable ([ServedVault]) async throws -> R
    ) async throws -> R {
        if vaults.count == count { return try await body(vaults) }
        return try await ServedVault.with(.numbered(vaults.count), relayed: relayed) { vault in
            try await serve(count, vaults + [vault], relayed, body)
        }
    }

    private init(_ vaults: [ServedVault], at sockets: [String], _ homes: URL) throws {
        self.vaults = vaults
        self.homes = homes
        couriers = try sockets.map { HostileCourier(try SocketDialer($0)) }
        let roots = try vaults.flatMap { vault in
            try AuthorityCertificate.list(file: vault.chip.trustRoot.map { Array(try Data(contentsOf: $0)) } ?? [])
        }
        trust = TrustPolicy(authorities: Authorities(own: roots), known: KnownVaults(), allowEmulated: true) { _ in true
        }
    }

    /// Honest couriers everywhere.
    func begin() { for courier in couriers { courier.begin() } }

    /// The vaults with these numbers, or all.
    func fleet(_ numbers: [Int]? = nil, waiting: Fleet.Waiting = .all) async throws -> Fleet {
        let chosen = (numbers ?? Array(couriers.indices)).map { couriers[$0] }
        let trust = trust
        return try await Fleet.open(chosen.map(\.address), waiting: waiting) { (index) async throws(VaultClientError) in
            try await VaultLink.open(chosen[index], trust: trust, retryDelays: [])
        }
    }

    func home() -> DeviceHome { DeviceHome(homes.path + "/" + UUID().uuidString.prefix(8)) }

    func device(_ account: Account, _ home: DeviceHome? = nil) throws -> Device {
        try Device(account, in: home ?? self.home())
    }

    /// Enrolls on a new device, with all vaults honest.
    func enroll(
        _ account: Account, _ typed: String, threshold: UInt32 = 2, limit: UInt32 = 5
    ) async throws -> Device {
        begin()
        var device = try device(account)
        let fleet = try await fleet()
        try await device.enroll(
            at: fleet, password: password(typed), choice: .floor(limit: limit, threshold: threshold))
        await fleet.close()
        return device
    }

    /// Recovers on a new device, as the couriers let it.
    ///
    /// - Parameter isHurried: whether the slow are waited for as little as a person waits. Otherwise so long that who is not
    ///   kept back by a test is there in time, also on a busy machine.
    func recover(
        _ account: Account, _ typed: String, at numbers: [Int]? = nil, isHurried: Bool = false,
        pinned: PinnedRecipe? = nil
    ) async throws -> RecoverOutcome {
        var device = try device(account)
        var fleet = try await fleet(numbers, waiting: isHurried ? .most : .nearlyAll)
        if !isHurried {
            fleet.patience.lookUp = .seconds(2)
            fleet.patience.evaluation = .seconds(2)
            fleet.patience.refund = .seconds(5)
        }
        do {
            let outcome = try await device.recover(at: fleet, password: password(typed), pinned: pinned)
            await fleet.close()
            return outcome
        } catch {
            await fleet.close()
            throw error
        }
    }

    /// Count and ceiling of the account's live slot as each chip has them, read while the vault is stopped.
    func counts(_ account: Account) async throws -> [SlotCount] {
        var counts: [SlotCount] = []
        for vault in vaults {
            counts.append(
                try await vault.whileStopped {
                    let chip = try Chip(tcti: vault.chip.tcti)
                    let report = try VaultReport.read(home: vault.home, chip: chip)
                    let entry = report.accounts.first { $0.account == account.id && $0.state == "live" }
                    guard let entry, let count = entry.count, let ceiling = entry.ceiling else { throw Missing() }
                    return SlotCount(count: count, ceiling: ceiling)
                })
        }
        return counts
    }

    /// How many slots each chip holds, and how many rows each store.
    func leftovers() async throws -> [[Int]] {
        var left: [[Int]] = []
        for vault in vaults {
            let (slots, rows) = try await entries(at: vault)
            left.append([slots, rows.count])
        }
        return left
    }

    /// How many slots a chip holds, and the rows of its vault's store.
    func entries(at vault: ServedVault) async throws -> (slots: Int, rows: [VaultReport.Entry]) {
        try await vault.whileStopped {
            let chip = try Chip(tcti: vault.chip.tcti)
            let slots = try chip.handles(from: Handle.slots.lowerBound)
                .filter { Handle.slots.contains($0.rawValue) }
            return (slots.count, try VaultReport.read(home: vault.home, chip: chip).accounts)
        }
    }
}

struct Missing: Error {}

func password(_ typed: String) throws -> Password {
    try Password(utf8: SecretBytes(copying: Array(typed.utf8).span))
}

extension EnrollmentChoice {
    /// The least work that the device allows.
    static func floor(limit: UInt32 = 5, threshold: UInt32 = 2) throws -> EnrollmentChoice {
        EnrollmentChoice(
            limit: limit, threshold: threshold, parameters: try Argon2id.Parameters(memoryKiB: 65_536, passes: 3))
    }
}

extension Device {
    /// The backup key in use.
    func key() throws -> [UInt8] {
        guard let key = state.key else { throw Missing() }
        return key.key.bytes.published
    }
}

extension RecoverOutcome {
    /// What came back, if something did.
    var recovered: Recovered? { if case .recovered(let recovered) = self { recovered } else { nil } }
    var key: [UInt8]? { recovered?.key.key.bytes.published }
}

/// A door that stays shut until somebody opens it.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func wait() async {
        if !isOpen { await withCheckedContinuation { waiting.append($0) } }
    }

    func open() {
        isOpen = true
        for one in waiting { one.resume() }
        waiting = []
    }
}
