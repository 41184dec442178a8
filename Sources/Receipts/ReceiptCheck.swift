import Endorsement
import Foundation
import TPM
import VaultAPI

/// A receipt of which everything was checked but one thing: that the attestation key is on the chip of the endorsement key.
public struct CheckedReceipt: Sendable {
    public let receipt: Receipt
    /// What the maker of the chip vouches for.
    public let certificate: VerifiedEndorsement
    /// The pinned root of its maker that vouches for it; `nil` where only an authority of the checker's own does.
    public let pinnedRoot: RootPins.Root?
    public let endorsementName: Name
    /// The attestation key's Name.
    public let attestationName: Name
    /// The slot, whose Name the chip certified.
    public let slot: SlotProfile
    /// Count and ceiling at the moment of the receipt. The count never falls, so it is the least that any later moment has.
    public let count: SlotCount
    public let clock: Attest.ClockInfo
    public let firmwareVersion: UInt64

    public var statement: ReceiptStatement { receipt.statement }

    /// The firmware's version as makers write it: four numbers.
    public var firmware: String {
        [48, 32, 16, 0].map { "\(firmwareVersion >> $0 & 0xFFFF)" }.joined(separator: ".")
    }

    /// What the certificate says of the chip; a receipt has no vendor string.
    private var identity: ChipIdentity {
        ChipIdentity(
            manufacturer: certificate.chip.manufacturer, vendorString: "", firmware: firmwareWords,
            name: certificate.chip, issuer: certificate.issuer)
    }

    private var firmwareWords: [UInt32] {
        [UInt32(firmwareVersion >> 32), UInt32(truncatingIfNeeded: firmwareVersion)]
    }

    public var isEmulated: Bool { !identity.emulation.isEmpty }

    /// What kind of thing signed, as `TrustedVault.tier` has it.
    public var tier: TrustTier {
        if isEmulated { return .emulated }
        return pinnedRoot == nil ? .unknown : identity.claimedTier
    }

    /// Published attacks on its firmware.
    public var flaws: [FirmwareFlaw] {
        FirmwareFlaw.known.filter { $0.affects(certificate.chip.manufacturer, firmware: firmwareWords) }
    }
}

extension Receipt {
    /// Checks everything but what binds the attestation key to the chip, which `CheckedReceipt.binding` does.
    ///
    /// - Parameters:
    ///   - authorities: whose endorsement certificates are believed.
    ///   - time: when the certificates must be valid.
    public func check(by authorities: Authorities, at time: Date) async throws(ReceiptFlaw) -> CheckedReceipt {
        guard EndorsementTemplate(of: statement.endorsementKey) != nil else { throw .endorsementKey }
        let endorsementName = statement.endorsementKey.name
        let attest = try checkAttest()
        let slot = try slot(of: endorsementName)
        // The attack: 1. the operator certifies an index that it defined and filled itself; 2. shows it as the person's slot.
        guard attest.index == slot.publicArea(written: true).name else { throw .otherIndex }
        guard attest.offset == 0, let count = try? SlotCount(contents: attest.contents) else { throw .contents }
        if let recipe = statement.recipe { try check(recipe, slot, endorsementName) }
        let attestationName = AttestationProfile.publicArea(statement.attestationKey).name
        if let challenge = statement.challenge {
            guard challenge.endorsementName == endorsementName, challenge.attestationName == attestationName,
                let answer, challenge.isAnswered(by: answer)
            else { throw .answer }
        }
        let certificate = try await verifyCertificate(authorities, time)
        return CheckedReceipt(
            receipt: self, certificate: certificate,
            pinnedRoot: authorities.pins.root(certificate.rootFingerprint), endorsementName: endorsementName,
            attestationName: attestationName, slot: slot, count: count, clock: attest.clock,
            firmwareVersion: attest.firmwareVersion)
    }

    /// The certificate's chain, and that it is this very key's.
    private func verifyCertificate(
        _ authorities: Authorities, _ time: Date
    ) async throws(ReceiptFlaw) -> VerifiedEndorsement {
        let verified: VerifiedEndorsement
        do throws(EndorsementError) {
            verified = try await authorities.verify(
                statement.certificate, shown: statement.intermediates, at: time)
        } catch {
            throw .certificate(error)
        }
        guard verified.certifiedKey.isKey(of: statement.endorsementKey) else { throw .certifiesAnotherKey }
        return verified
    }

    /// The signature, and that the chip signed over this statement.
    private func checkAttest() throws(ReceiptFlaw) -> Attest {
        try SignedAttest(attest: attest, signature: signature).check(
            by: statement.attestationKey, qualifyingData: statement.qualifyingData)
    }

    private func slot(of endorsementName: Name) throws(ReceiptFlaw) -> SlotProfile {
        do throws(ProfileError) {
            let authority = try AuthorityProfile(
                largestDigest: statement.authorityHash.size, endorsementName: endorsementName)
            return try SlotProfile(handle: statement.slot, authority: authority, limitKey: statement.limitKey)
        } catch {
            throw .profile(error)
        }
    }

    /// The recipe names chip, slot and evaluation key; the evaluation key's policy names the slot with its limit key.
    ///
    /// The attack: 1. the operator destroys a slot that was used up, and defines another at its handle with a limit key of its
    /// own; 2. shows that one's receipt with the person's recipe. The evaluation key's Name is then another.
    private func check(_ recipe: Recipe, _ slot: SlotProfile, _ endorsementName: Name) throws(ReceiptFlaw) {
        guard let entry = recipe.vaults.first(where: { $0.endorsementName.bytes == endorsementName.bytes }),
            let evaluationKey,
            entry.authorityHash == statement.authorityHash.label, entry.slot == slot.handle.rawValue,
            entry.evaluationKeyName.bytes == EvaluationKeyProfile.publicArea(evaluationKey, slot: slot).name.bytes
        else { throw .recipe }
    }
}
