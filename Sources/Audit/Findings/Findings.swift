import Endorsement
import Foundation
import Journal
import TPM

/// What the auditor brings along.
public struct AuditTerms: Sendable {
    /// Whose endorsement certificates are believed.
    public var authorities: Authorities
    /// When certificates must be valid.
    public var time: Date
    /// The most guesses that an enrollment may have; `nil` for as many as a device chose.
    public var maximumLimit: UInt32?
    /// The kinds that are no reason to fail.
    public var accepted: Set<FindingKind>

    public init(
        authorities: Authorities, time: Date, maximumLimit: UInt32? = nil, accepted: Set<FindingKind> = []
    ) {
        self.authorities = authorities
        self.time = time
        self.maximumLimit = maximumLimit
        self.accepted = accepted
    }
}

extension VaultEvidence {
    /// Everything in it that is not as it should be, the worst first; of one severity in the order of identifiers and objects.
    ///
    /// - Parameter journal: the vault's journal, where it was read too.
    public func findings(_ terms: AuditTerms, journal: JournalCheck? = nil) async -> [Finding] {
        var all = await chip.findings(terms) + (journal?.findings ?? [])
        guard let endorsement = chip.endorsementArea?.name,
            let authority = try? AuthorityProfile(
                largestDigest: chip.provisionedDigest, endorsementName: endorsement)
        else { return all.sorted(terms) }
        all += firmwareFindings + hierarchyFindings + capacityFindings + storeFindings + indexFindings
        for enrollment in enrollments {
            let judged = JudgedEnrollment(enrollment, chip, authority, header)
            all += judged.rowFindings(terms) + judged.slotFindings + judged.ceilingFindings + judged.keyFindings
        }
        return all.sorted(terms)
    }
}

extension [Finding] {
    fileprivate func sorted(_ terms: AuditTerms) -> [Finding] {
        map { finding in
            var finding = finding
            finding.isAccepted = terms.accepted.contains(finding.kind)
            return finding
        }.sorted { a, b in
            if a.severity != b.severity { return a.severity > b.severity }
            return (a.kind.id, a.object.sentence, a.found) < (b.kind.id, b.object.sentence, b.found)
        }
    }

    /// The worst that is not accepted.
    public var worst: Severity? { filter { !$0.isAccepted }.map(\.severity).max() }
}
