import Endorsement
import Foundation
import TPM
import VaultAPI

extension ChipEvidence {
    /// What the chip is, and whether anyone vouches for it.
    func findings(_ terms: AuditTerms) async -> [Finding] {
        var all: [Finding] = []
        func found(_ kind: FindingKind, expected: String, _ found: String) {
            all.append(Finding(kind, .chip, expected: expected, found: found))
        }
        let endorsement = endorsementArea
        do throws(TemplateDifference) {
            if let endorsement {
                _ = try EndorsementTemplate.matching(endorsement)
            } else {
                found(.chipEndorsementKey, expected: "a key of a standard template", "a key of a kind not known here")
            }
        } catch {
            found(.chipEndorsementKey, expected: "a key of a standard template", error.description)
        }
        var verified: VerifiedEndorsement?
        do throws(EndorsementError) {
            let certificate = try await terms.authorities.verify(
                self.certificate.bytes, shown: intermediates.map(\.bytes), at: terms.time)
            if let endorsement, certificate.certifiedKey.isKey(of: endorsement) {
                verified = certificate
            } else {
                found(.chipCertificate, expected: "a certificate of this chip's endorsement key", "another key's")
            }
        } catch {
            found(.chipCertificate, expected: "a certificate that is believed", error.found)
        }
        let identity = identity(verified)
        if !identity.emulation.isEmpty {
            let signs = identity.emulation.map(\.description).joined(separator: "; ")
            found(.chipEmulated, expected: "a discrete or firmware TPM", signs)
        } else if let verified, terms.authorities.pins.root(verified.rootFingerprint) == nil {
            found(.chipTier, expected: "a pinned root of the maker", "an authority of your own")
        }
        for flaw in FirmwareFlaw.known where flaw.affects(identity.manufacturer, firmware: identity.firmware) {
            found(
                flaw.isUndecided ? .chipFirmwareDoubt : .chipFirmwareFlaw, expected: "firmware without a known flaw",
                "\(firmware): \(flaw.warning)")
        }
        if parentArea.map(ParentProfile.accepts) != true {
            found(.chipParent, expected: "the template and a point on the curve", parent.bytes.hexadecimal)
        }
        let digest = Int(property(Tag.largestDigest) ?? 0)
        if digest != provisionedDigest || HashAlgorithm(size: digest).map({ $0 == .sha256 }) ?? true {
            found(
                .chipLargestDigest, expected: "\(provisionedDigest) bytes (48 or 64), as provisioned",
                "\(digest) bytes")
        }
        return all
    }
}

extension VaultEvidence {
    /// The firmware version is the one thing that a chip both states and signs.
    var firmwareFindings: [Finding] {
        let signed = Set(
            enrollments.compactMap { $0.certificate }.compactMap { try? Attest(parsing: $0.attest.bytes) }
                .map(\.firmwareVersion))
        guard let other = signed.first(where: { $0 != chip.firmwareVersion }) else { return [] }
        return [
            Finding(
                .chipFirmwareMismatch, .chip, expected: "the version \(chip.firmware) that the vault's host shows",
                found: "\(ChipEvidence.firmware(other)) in what the chip signed")
        ]
    }
}
