import Endorsement
import Foundation
import OPRF
import Passwords
import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI
import VaultTestSupport

@testable import Vault
@testable import VaultClient

/// A vault on a chip of its own, Alice, who is enrolled there, and whoever guesses at her password.
struct Party: Sendable {
    let served: ServedVault
    let alice: Account
    let home: DeviceHome
    private let trust: TrustPolicy

    static func with<R: Sendable>(_ body: @Sendable (Party) async throws -> R) async throws -> R {
        try await ServedVault.with { served in
            let party = try Party(served)
            try await party.enroll(party.alice)
            return try await body(party)
        }
    }

    private init(_ served: ServedVault) throws {
        self.served = served
        alice = try Account("alice")
        home = DeviceHome(served.chip.folder.path + "/home")
        let roots = try AuthorityCertificate.list(
            file: served.chip.trustRoot.map { Array(try Data(contentsOf: $0)) } ?? [])
        trust = TrustPolicy(authorities: Authorities(own: roots), known: KnownVaults(), allowEmulated: true) { _ in true
        }
    }

    /// Writes five lines: armed, guess, refund, live, open.
    func enroll(_ account: Account) async throws {
        let link = try await link()
        var device = try Device(account, in: home)
        let password = try Password(utf8: SecretBytes(copying: Array("correct horse".utf8).span))
        let choice = EnrollmentChoice(
            limit: 10, parameters: try Argon2id.Parameters(memoryKiB: 65_536, passes: 3))
        try await device.enroll(at: link, password: password, choice: choice)
        await link.close()
    }

    func link() async throws -> VaultLink { try await VaultLink.open(SocketDialer(served.socket), trust: trust) }

    /// Somebody who may speak for Alice spends one of her guesses.
    func guess() async throws {
        let connection = try await SocketDialer(served.socket).connect()
        let point = try Scalar.random().publicKey()
        _ = try await connection.call(Evaluate(account: alice, enrollment: enrollment(), blinded: Bytes(point.sec1)))
        await connection.close()
    }

    private var row: EnrollmentRecord {
        get throws { try #require(try served.store.enrollments(of: alice).first) }
    }

    func enrollment() throws -> EnrollmentID { try #require(EnrollmentID(Array(row.id))) }

    func slot() throws -> SlotProfile {
        let configuration = try VaultConfiguration.read(home: served.home)
        let endorsement = try PublicArea(tpm2b: configuration.endorsementKey.bytes).name
        return try #require(
            try row.slotProfile(
                AuthorityProfile(largestDigest: configuration.largestDigest, endorsementName: endorsement)))
    }

    /// Where the journal's counter is.
    func counter() throws -> Handle {
        Handle(try #require(try VaultConfiguration.read(home: served.home).journalCounter))
    }
}
