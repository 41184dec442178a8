import Audit
import DeviceTestSupport
import Endorsement
import Foundation
import Journal
import Logging
import OPRF
import Passwords
import Receipts
import Secrets
import TPM
import TPMDevice
import TestSupport
import VaultAPI
import VaultTestSupport

@testable import Vault
@testable import VaultClient

/// An honest vault as files: the chip's state and the home folder. Each test plays on a copy of its own.
struct HonestVault: Sendable {
    /// Too long for any to stand in base64 by chance.
    static let accounts = ["alice", "benjamin", "carol"]
    /// What even this one shows: the chip is emulated, and its hierarchies are as chips are made.
    static let expected: Set<FindingKind> = [
        .chipEmulated, .hierarchyOwner, .hierarchyLockout, .hierarchyEndorsement,
    ]

    private let state: Data
    private let home: [String: Data]

    /// Alice has made one mistake and recovered, Carol has granted three guesses more.
    private static let made = Task { try await make(accounts) }

    private static func make(_ accounts: [String]) async throws -> HonestVault {
        try await ServedVault.with { served in
            let roots = try AuthorityCertificate.list(
                file: served.chip.trustRoot.map { Array(try Data(contentsOf: $0)) } ?? [])
            let trust = TrustPolicy(
                authorities: Authorities(own: roots), known: KnownVaults(), allowEmulated: true
            ) { _ in true }
            for name in accounts {
                let home = DeviceHome(served.chip.folder.path + "/" + name)
                var device = try Device(Account(name), in: home)
                let link = try await VaultLink.open(SocketDialer(served.socket), trust: trust, retryDelays: [])
                try await device.enroll(
                    at: link, password: password(name),
                    choice: EnrollmentChoice(
                        limit: 5, parameters: try Argon2id.Parameters(memoryKiB: 65_536, passes: 3)))
                if name == "alice" {
                    _ = try await device.recover(at: link, password: password("a mistake"))
                    _ = try await device.recover(at: link, password: password(name))
                }
                if name == "carol" { _ = try await device.grant(3, at: link) }
                await link.close()
            }
            await served.stop()
            served.chip.stop()
            var files: [String: Data] = [:]
            // What is not in the store's file yet is in its log.
            for name in ["vault.json", "vault.sqlite", "vault.sqlite-wal"] {
                files[name] = FileManager.default.contents(atPath: served.home + "/" + name)
            }
            return HonestVault(state: try Data(contentsOf: served.chip.stateFile), home: files)
        }
    }

    static func password(_ typed: String) throws -> Password {
        try Password(utf8: SecretBytes(copying: Array(typed.utf8).span))
    }

    /// Lends a copy on a running chip; nobody serves it. With `further` accounts it is made anew.
    static func with<R: Sendable>(
        further: Int = 0, _ body: (VaultCopy) async throws -> R
    ) async throws -> R {
        let honest =
            further == 0 ? try await made.value : try await make(accounts + (1...further).map { "person \($0)" })
        return try await withSwtpm { chip in
            chip.stop()
            try honest.state.write(to: chip.stateFile)
            try await chip.start()
            let home = chip.folder.path + "/vault"
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
            for (name, contents) in honest.home { try contents.write(to: URL(filePath: home + "/" + name)) }
            let copy = VaultCopy(chip: chip, home: home)
            try copy.configure { $0.tcti = chip.tcti }
            return try await body(copy)
        }
    }
}

/// A vault of a test's own, which nobody serves.
struct VaultCopy: Sendable {
    let chip: Swtpm
    let home: String

    /// Changes vault.json.
    func configure(_ change: (inout VaultConfiguration) -> Void) throws {
        var configuration = try VaultConfiguration.read(home: home)
        change(&configuration)
        try configuration.write(home: home)
    }

    func open() async throws -> Vault {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return try await Vault.open(home: home, log: log, reconciles: false)
    }

    func authorities() throws -> Authorities {
        Authorities(own: try AuthorityCertificate.list(file: Array(Data(contentsOf: chip.trustRoot ?? chip.folder))))
    }

    func terms(maximumLimit: UInt32? = nil, accepted: Set<FindingKind> = []) throws -> AuditTerms {
        AuditTerms(authorities: try authorities(), time: Date(), maximumLimit: maximumLimit, accepted: accepted)
    }

    /// What an audit reads of the journal, beside the rest.
    func journal() async throws -> JournalCheck {
        try await AuditCourse(OpenedVault(try await open())).readWithJournal(at: Date()).journal
    }

    /// What an audit reads.
    func evidence() async throws -> VaultEvidence {
        try await AuditCourse(OpenedVault(try await open())).read(at: Date())
    }

    func findings(maximumLimit: UInt32? = nil) async throws -> [Finding] {
        try await evidence().findings(terms(maximumLimit: maximumLimit))
    }

    /// What the vault's chip is to who stands beside it.
    func withChip<R>(_ body: (Chip) throws -> R) throws -> R { try body(try Chip(tcti: chip.tcti)) }

    func authority() throws -> AuthorityProfile {
        let configuration = try VaultConfiguration.read(home: home)
        return try AuthorityProfile(
            largestDigest: configuration.largestDigest,
            endorsementName: PublicArea(tpm2b: configuration.endorsementKey.bytes).name)
    }

    func record(_ account: String) throws -> EnrollmentRecord {
        let store = try Store(path: VaultConfiguration.storePath(home: home))
        guard let record = try store.enrollments(of: Account(account)).first else { throw Missing.row }
        return record
    }

    func slot(_ account: String) throws -> SlotProfile {
        guard let slot = try record(account).slotProfile(authority()) else { throw Missing.slot }
        return slot
    }
}

enum Missing: Error { case row, slot }
