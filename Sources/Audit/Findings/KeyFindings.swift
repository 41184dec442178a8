import TPM
import VaultAPI

extension JudgedEnrollment {
    /// Evaluation key, open key and bundle.
    var keyFindings: [Finding] {
        var all: [Finding] = []
        func found(_ kind: FindingKind, _ name: String, expected: String, _ found: String) {
            all.append(finding(kind, name, expected: expected, found: found))
        }
        // Without a limit key there is no policy that the evaluation key could have.
        if row.isKept, let slot {
            if row.evaluationArea(slot) == nil {
                found(
                    .evaluationKeyMissing, "evaluation key", expected: "a point on P-256",
                    row.evaluationKey.map { $0.bytes.hexadecimal } ?? "none")
            } else if let sentence = refusal(row.evaluationKeyLoading) {
                found(.evaluationKeyPrivate, "evaluation key", expected: "one that loads under the parent", sentence)
            }
        }
        guard row.isCommitted else { return all }
        guard let openKey = row.openKey.flatMap({ try? P256Point(sec1: $0.bytes) }),
            (try? authority.name(of: openKey)) != nil
        else {
            found(
                .openKeyUnusable, "open key", expected: "a point on P-256 whose Name is used",
                row.openKey.map { $0.bytes.hexadecimal } ?? "none")
            return all
        }
        guard let area = row.bundleArea, case .sealed(let unique) = area.body,
            area == (try? BundleProfile.publicArea(openKey: openKey, authority: authority, unique: unique))
        else {
            found(
                .bundlePublic, "bundle", expected: "the profile's public area for the row's open key",
                row.bundle.map { $0.bytes.hexadecimal } ?? "none")
            return all
        }
        if let sentence = refusal(row.bundleLoading) {
            found(.bundlePrivate, "bundle", expected: "one that loads under the parent", sentence)
        }
        return all
    }

    /// What keeps a private part from being used, if anything.
    private func refusal(_ loading: EnrollmentEvidence.Loading?) -> String? {
        switch loading {
        case .loads: nil
        case .refused(let code): "the chip refuses it with \(ResponseCode(rawValue: code))"
        case .missing, nil: "none"
        }
    }
}
