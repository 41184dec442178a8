import Endorsement

extension EndorsementError {
    /// What was found instead of a certificate that is believed, without the advice for a person at a device.
    var found: String {
        switch self {
        case .malformed: "a certificate that cannot be read"
        case .unsupportedKey: "a certificate for a kind of key that is not known here"
        case .notCertificates: "something beside it that is no certificate"
        case .tooManyIntermediates: "too many intermediate certificates"
        case .isAuthority: "an authority's certificate"
        case .notForEndorsement: "a certificate that is not for an endorsement key"
        case .wrongKeyUsage: "a certificate for a key that is not for receiving secrets"
        case .namesNoChip: "a certificate that names no maker, model and version"
        case .rocaKey: "a key of the flawed generator of CVE-2017-15361 (ROCA), which anybody can compute"
        case .signatureAlgorithm(let name): "a signature with SHA-1 or an algorithm not known here (\(name))"
        case .unknownCriticalExtension: "a certificate with a condition not known here"
        case .outsideValidity: "a certificate that is expired or not valid yet"
        case .rootOfAnotherMaker(let root, let certificate):
            "a certificate of a chip of \(certificate) under the root \(root), which has no say about that"
        case .untrusted(let reasons):
            "a certificate that leads to no root that is believed"
                + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: "; ")))")
        }
    }
}
