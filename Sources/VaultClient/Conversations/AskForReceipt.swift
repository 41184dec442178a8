import Foundation
import Receipts
import Secrets
import TPM
import VaultAPI

/// What goes into a receipt beside the chip's own words.
public struct ReceiptRequest: Sendable {
    /// Whether it names the enrollment, and with it the account.
    public var namesEnrollment: Bool
    /// What the one who will check the receipt made.
    public var challenge: ReceiptChallenge?
    public var date: Date

    public init(namesEnrollment: Bool = true, challenge: ReceiptChallenge? = nil, date: Date) {
        self.namesEnrollment = namesEnrollment
        self.challenge = challenge
        self.date = date
    }
}

extension Device {
    /// Has the chip certify count and ceiling of this account's slot. No guess is spent.
    ///
    /// The chip first makes the attestation key in a session of this device's own, so this device knows that it is that
    /// chip's. What comes back is checked as anybody would check it, against the same roots.
    public func receipt(
        _ request: ReceiptRequest, at link: VaultLink, trust: TrustPolicy
    ) async throws(VaultClientError) -> CheckedReceipt {
        guard let live = state.enrollment else { throw VaultClientError(.notOnThisDevice) }
        let entry = try CheckedRecipe(live.recipe, for: account).entry(at: link.vault)
        let slot = try OwnSlot(
            link: link, account: account, enrollment: live.recipe.enrollment, handle: entry.slot,
            authority: link.vault.authority, limitSeed: live.limitSeed.bytes)
        let (handle, limitKey) = (slot.profile.handle, slot.profile.limitKey)
        let key = try await link.provenAttestationKey()
        let claim = try await link.courier.repeating { () async throws(VaultClientError) in
            try await link.courier.call(Describe())
        }
        let statement = try mapping(VaultClientError.Reason.receipt) { () throws(ReceiptFlaw) in
            try ReceiptStatement(
                endorsementKey: link.vault.endorsementKey, certificate: claim.certificate.bytes,
                intermediates: claim.intermediates.map(\.bytes), attestationKey: key,
                authorityHash: link.vault.authority.hash, slot: handle, limitKey: limitKey,
                recipe: request.namesEnrollment ? live.recipe : nil,
                date: UInt64(max(0, request.date.timeIntervalSince1970)), nonce: SecretBytes(random: 32).published,
                challenge: request.challenge)
        }
        let receipt = try await link.certify(statement, account, live.recipe.enrollment)
        do throws(ReceiptFlaw) {
            let checked = try await receipt.check(by: trust.authorities, at: trust.now())
            guard checked.firmwareVersion == link.vault.chip.firmware64 else { throw .firmware }
            return checked
        } catch {
            throw VaultClientError(.receipt(error))
        }
    }
}

extension VaultLink {
    /// The chip's attestation key, made in a session of this device's own: whoever carries it, only the chip of the trusted
    /// endorsement key can have answered.
    fileprivate func provenAttestationKey() async throws(VaultClientError) -> P256Point {
        let answer = try await courier.repeating { () async throws(VaultClientError) in
            var session = try await CarriedSession.start(
                .hmac, through: courier, in: try await courier.converse(), endorsementKey: vault.endorsementKey)
            return try await session.prove(.attestationKey, AttestationProfile.createCommand, attributes: [.audit])
        }
        var reader = Reader(answer)
        // Covered in its encrypted form, as the parent is: only the template with a point on the curve is taken.
        guard let area = try? PublicArea(tpm2b: &reader), AttestationProfile.accepts(area), let point = area.point
        else {
            throw .notTrusted(.attestationKey)
        }
        return point
    }

    /// Has the chip sign over the statement, and puts the receipt together.
    fileprivate func certify(
        _ statement: ReceiptStatement, _ account: Account, _ enrollment: EnrollmentID
    ) async throws(VaultClientError) -> Receipt {
        let message = Certify(
            account: account, enrollment: enrollment, qualifyingData: Bytes(statement.qualifyingData),
            credential: statement.challenge.map { challenge in
                CredentialChallenge(
                    blob: Bytes(challenge.credential.blob), encryptedSeed: Bytes(challenge.credential.encryptedSeed))
            })
        let reply = try await courier.repeating { () async throws(VaultClientError) in try await courier.call(message) }
        return try mapping(VaultClientError.Reason.wire) { () throws(WireError) in
            let evaluationKey = statement.recipe == nil ? nil : try P256Point(sec1: reply.evaluationKey.bytes)
            guard
                let receipt = Receipt(
                    statement: statement, attest: reply.attest.bytes,
                    signature: try Signature(p1363: reply.signature.bytes), evaluationKey: evaluationKey,
                    answer: reply.activated?.bytes)
            else { throw .truncated }
            return receipt
        }
    }
}

extension ChipFacts {
    /// The firmware's version as an attest has it.
    fileprivate var firmware64: UInt64 { firmware.reduce(0) { $0 << 32 | UInt64($1) } }
}
