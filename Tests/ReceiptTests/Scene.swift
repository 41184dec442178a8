import DeviceTestSupport
import Endorsement
import Foundation
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

/// A vault on a chip of its own, and Alice, who is enrolled there.
struct Scene: Sendable {
    static let limit: UInt32 = 5
    let served: ServedVault
    let roots: [AuthorityCertificate]
    let account: Account
    let home: DeviceHome

    static func with<R: Sendable>(_ body: @Sendable (Scene) async throws -> R) async throws -> R {
        try await ServedVault.with { served in
            let scene = try Scene(served)
            try await scene.enroll()
            return try await body(scene)
        }
    }

    /// The device lets go of its files at the end.
    private func enroll() async throws {
        var device = try device()
        let link = try await link()
        let choice = EnrollmentChoice(
            limit: Self.limit, parameters: try Argon2id.Parameters(memoryKiB: 65_536, passes: 3))
        try await device.enroll(at: link, password: Self.password("correct horse"), choice: choice)
        await link.close()
    }

    private init(_ served: ServedVault) throws {
        self.served = served
        roots = try AuthorityCertificate.list(
            file: served.chip.trustRoot.map { Array(try Data(contentsOf: $0)) } ?? [])
        account = try Account("alice")
        home = DeviceHome(served.chip.folder.path + "/home")
    }

    static func password(_ typed: String) throws -> Password {
        try Password(utf8: SecretBytes(copying: Array(typed.utf8).span))
    }

    var trust: TrustPolicy {
        TrustPolicy(authorities: Authorities(own: roots), known: KnownVaults(), allowEmulated: true) { _ in true }
    }

    func device() throws -> Device { try Device(account, in: home) }

    func link(_ plan: @escaping HostileCourier.Plan = { _ in .carry }) async throws -> VaultLink {
        try await VaultLink.open(
            HostileCourier(try SocketDialer(served.socket), plan: plan), trust: trust, retryDelays: [])
    }

    /// A receipt that Alice's device asks for.
    func receipt(
        challenge: ReceiptChallenge? = nil, namesEnrollment: Bool = true,
        through plan: @escaping HostileCourier.Plan = { _ in .carry }
    ) async throws -> CheckedReceipt {
        let device = try device()
        let link = try await link(plan)
        let checked = try await device.receipt(
            ReceiptRequest(namesEnrollment: namesEnrollment, challenge: challenge, date: Date()), at: link,
            trust: trust)
        await link.close()
        return checked
    }

    /// The live enrollment's id.
    func enrollment() throws -> EnrollmentID {
        guard let live = try device().state.enrollment else { throw HarnessError("Alice is not enrolled") }
        return live.recipe.enrollment
    }

    /// Spends guesses as the vault's operator would.
    func operatorGuesses(_ times: Int) async throws {
        let connection = try await SocketDialer(served.socket).connect()
        for _ in 0..<times {
            let point = try Scalar.random().publicKey()
            _ = try await connection.call(
                Evaluate(account: account, enrollment: enrollment(), blinded: Bytes(point.sec1)))
        }
        await connection.close()
    }

    /// Checks as somebody far away would: a file, and the roots.
    func check(_ receipt: Receipt) async throws(ReceiptFlaw) -> CheckedReceipt {
        try await receipt.check(by: Authorities(own: roots), at: Date())
    }
}

extension CheckedReceipt {
    /// A checker's challenge for this receipt's chip.
    func freshChallenge() throws(ReceiptFlaw) -> ReceiptChallenge {
        try ReceiptChallenge(endorsementKey: statement.endorsementKey, attestationKey: statement.attestationKey)
    }
}
