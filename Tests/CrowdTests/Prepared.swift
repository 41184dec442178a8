import Foundation
import OPRF
import Passwords
import Secrets
import Synchronization
import TPM
import TestSupport
import VaultAPI

@testable import VaultClient

func typed(_ text: String) throws -> Password {
    try Password(utf8: SecretBytes(copying: Array(text.utf8).span))
}

/// A person whose password was stretched once, when they enrolled. What crosses the socket, what is signed and what is
/// checked is a device's own; only Argon2id is not done again each time, so that a crowd asks the vault and not the
/// machine that it shares with it.
final class Prepared: Sendable {
    let account: Account
    let enrolled: PendingEnrollment
    private let text: String
    /// What the password's evaluation comes to, by the first one.
    private let output = Mutex<SharedSecret?>(nil)

    private init(_ account: Account, _ text: String, _ enrolled: PendingEnrollment) {
        self.account = account
        self.text = text
        self.enrolled = enrolled
    }

    func password() throws -> Password { try typed(text) }

    /// Enrolls.
    static func enroll(_ name: String, in crowd: Crowd) async throws -> Prepared {
        try await crowd.stretching {
            let account = try Account(name)
            let text = "the password of \(name)"
            let link = try await crowd.link()
            let attempt = EnrollmentAttempt(
                seats: [.init(link: link, replaces: nil, tickets: [])], account: account, choice: try .crowded,
                generation: 1)
            let enrolled = try await attempt.prepare(
                typed(text), backupKey: SharedSecret(SecretBytes(random: 32)), older: [])
            try await enrolled.commit(through: link)
            await link.close()
            return Prepared(account, text, enrolled)
        }
    }

    /// A recovery: look up, evaluation, bundle, refund.
    func recover(at link: VaultLink) async throws {
        let served = try await link.lookUp(account)
        guard served.recipe == enrolled.recipe else { throw HarnessError("another recipe") }
        try await evaluate(at: link)
        let opened = try await link.openBundle(area, of: enrolled.recipe, openKey: openKey)
        guard opened == share.bundle else { throw HarnessError("another bundle") }
        try await raise(served, asGrant: false, at: link)
    }

    /// Raises the ceiling. Where two other devices of this person's have raised it between this one's proof and its write, the vault
    /// does not take the lower one: that is as it should be, and nothing else that is refused is.
    private func raise(_ served: LookUp.Reply, asGrant: Bool, at link: VaultLink) async throws {
        do {
            _ = try await slot(at: link).raise(
                by: 1, asGrant: asGrant, record: served.ceilingRecord, limit: enrolled.limit)
        } catch let error as VaultClientError where error == .fault(.refusedByChip) {
            guard try await proven(at: link).ceiling >= served.ceiling + 2 else { throw error }
        }
    }

    /// Has the password evaluated under a fresh blind; it must come to the same each time.
    private func evaluate(at link: VaultLink) async throws {
        let password = try password()
        let blind = try OPRF.blind(input: password.bytes)
        let message = Evaluate(
            account: account, enrollment: enrolled.recipe.enrollment, blinded: Bytes(blind.blindedElement.sec1))
        let courier = link.courier
        let reply = try await courier.repeating(costIfLost: .maybeSpent) { () async throws(VaultClientError) in
            try await courier.call(message)
        }
        let found = SharedSecret(
            try OPRF.finalize(input: password.bytes, blind: blind, evaluated: Element(sec1: reply.evaluated.bytes)))
        let isRight = output.withLock { known in
            guard let known else {
                known = found
                return true
            }
            return known.bytes.isEqual(to: found.bytes)
        }
        guard isRight else { throw HarnessError("a wrong evaluation") }
    }

    /// Count and ceiling as the chip proves them.
    func proven(at link: VaultLink) async throws -> SlotCount { try await slot(at: link).read() }

    func grant(at link: VaultLink) async throws {
        let served = try await link.lookUp(account)
        try await raise(served, asGrant: true, at: link)
    }

    private func slot(at link: VaultLink) throws -> OwnSlot {
        let entry = try CheckedRecipe(enrolled.recipe, for: account).entry(at: link.vault)
        return try OwnSlot(
            link: link, account: account, enrollment: enrolled.recipe.enrollment, handle: entry.slot,
            authority: link.vault.authority, limitSeed: enrolled.limitSeed.bytes)
    }

    private var share: PendingEnrollment.Share { enrolled.shares[0] }

    private var area: PublicArea {
        get throws { try PublicArea(tpm2b: share.commit.bundle.publicArea.bytes) }
    }

    private var openKey: AuthorityKey {
        get throws { try AuthorityKey(scalar: share.openKey.bytes) }
    }

    /// Starts the session in which the bundle will be opened, and no more.
    func challenge(on connection: any VaultConnection) async throws -> Challenge.Reply {
        try await connection.call(Challenge(account: account, enrollment: enrolled.recipe.enrollment))
    }

    /// Opens the bundle in it.
    func open(
        _ challenge: Challenge.Reply, at vault: TrustedVault, on connection: any VaultConnection
    ) async throws {
        let act = try SignedAct(openingBundle: area, authority: vault.authority, nonceTPM: challenge.nonceTPM.bytes)
        let reply = try await connection.call(
            Open(
                session: challenge.session, account: account, enrollment: enrolled.recipe.enrollment,
                nonceTPM: challenge.nonceTPM, signature: Bytes(try openKey.sign(act).p1363)))
        guard reply.bundle.bytes == share.bundle else { throw HarnessError("another bundle") }
    }
}

extension EnrollmentChoice {
    /// The least work that a device allows, and guesses enough for a crowd.
    static var crowded: EnrollmentChoice {
        get throws { EnrollmentChoice(limit: 1000, parameters: try Argon2id.Parameters(memoryKiB: 65_536, passes: 3)) }
    }
}
