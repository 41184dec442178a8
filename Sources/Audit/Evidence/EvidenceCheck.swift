import Endorsement
import Foundation
import Receipts
import TPM
import VaultAPI

extension EvidenceFile {
    /// Checks everything that the chip signed: that the signing key is on the chip of the endorsement key and was asked after
    /// the auditor's challenge, that each count is of the slot that is shown, and that nothing of the rest was changed.
    ///
    /// What the chip does not sign stays the word of the vault's host: that there are no further enrollments and indexes, the
    /// chip's properties but for its firmware version, and whether private parts load.
    ///
    /// - Parameters:
    ///   - challenge: the auditor's own. A file with another one, or none, is refused.
    ///   - terms: whose endorsement certificates are believed, and when they must be valid.
    public func check(challenge: ReceiptChallenge?, _ terms: AuditTerms) async throws(EvidenceFlaw) {
        let chip = evidence.chip
        guard let endorsementKey = chip.endorsementArea, EndorsementTemplate(of: endorsementKey) != nil,
            let key = chip.attestationPoint
        else { throw .keys }
        guard let statement = try? evidence.qualifyingData(answer: answer),
            let header = try? evidence.header.qualifyingData
        else { throw .malformed }
        _ = try signed(seal, by: key, over: statement, "the file")
        try await checkCertificate(endorsementKey, terms)
        for row in evidence.enrollments {
            guard let certificate = row.certificate else { continue }
            let subject = row.subject("slot", onChip: true).sentence
            let attest = try signed(certificate, by: key, over: header, "the certificate of the \(subject)")
            // The attack: 1. the operator certifies an index that it defined and filled itself; 2. shows it as a person's slot.
            guard attest.index == row.index?.name, row.count != nil, row.contents == nil else {
                throw .otherIndex("the \(subject)")
            }
        }
        try checkBinding(challenge, endorsementKey.name, AttestationProfile.publicArea(key).name)
    }

    private func checkCertificate(_ endorsementKey: PublicArea, _ terms: AuditTerms) async throws(EvidenceFlaw) {
        let verified: VerifiedEndorsement
        do throws(EndorsementError) {
            verified = try await terms.authorities.verify(
                evidence.chip.certificate.bytes, shown: evidence.chip.intermediates.map(\.bytes), at: terms.time)
        } catch {
            throw .certificate(error)
        }
        guard verified.certifiedKey.isKey(of: endorsementKey) else { throw .certifiesAnotherKey }
    }

    private func signed(
        _ evidence: SignedEvidence, by key: P256Point, over data: [UInt8], _ what: String
    ) throws(EvidenceFlaw) -> Attest {
        do {
            let signature = try Signature(p1363: evidence.signature.bytes)
            return try SignedAttest(attest: evidence.attest.bytes, signature: signature).check(
                by: key, qualifyingData: data)
        } catch {
            throw .signature(what)
        }
    }

    private func checkBinding(
        _ challenge: ReceiptChallenge?, _ endorsement: Name, _ attestation: Name
    ) throws(EvidenceFlaw) {
        guard let challenge else { throw .unbound }
        guard let stated = evidence.header.challenge, stated.bytes == challenge.file else { throw .otherChallenge }
        guard challenge.endorsementName == endorsement, challenge.attestationName == attestation,
            let answer, challenge.isAnswered(by: answer.bytes)
        else { throw .answer }
    }
}
