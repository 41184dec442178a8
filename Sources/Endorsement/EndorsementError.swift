/// Why an endorsement certificate is not believed. A certificate is read before any evaluation: no guess was spent.
public enum EndorsementError: Error, Equatable, CustomStringConvertible {
    /// Not one DER certificate of at most 16 KiB, or one that X.509 does not allow.
    case malformed
    /// The certified key is neither RSA nor on P-256 or P-384.
    case unsupportedKey
    /// A file of authorities' certificates holds none, or something else.
    case notCertificates
    /// More than `EndorsementCertificate.maximumIntermediates` intermediates were given.
    case tooManyIntermediates
    /// The certificate is an authority's.
    case isAuthority
    /// The extended key usage lacks 2.23.133.8.1 (tcg-kp-EKCertificate).
    case notForEndorsement
    /// The key usage does not let the key take in a secret, or lets it sign certificates.
    case wrongKeyUsage
    /// The subject alternative name does not say exactly one TPM manufacturer, model and version.
    case namesNoChip
    /// The RSA key has the fingerprint of CVE-2017-15361: its private half can be computed.
    case rocaKey
    /// A signature with SHA-1, or of a kind that we do not know.
    case signatureAlgorithm(String)
    /// A critical extension that we do not check.
    case unknownCriticalExtension
    /// The certificate is not valid at the given time.
    case outsideValidity
    /// No chain to one of the roots; the reasons of the chains that were tried, if any was.
    case untrusted([String])
    /// It leads to the pinned root of another maker than the chip's, which has no say about that.
    case rootOfAnotherMaker(root: String, certificate: String)

    public var description: String {
        let advice =
            switch self {
            case .malformed: "The endorsement certificate is not readable, ask the vault's operator for it"
            case .unsupportedKey: "The endorsement certificate is for a kind of key we do not know, use another vault"
            case .notCertificates: "This file is no list of certificates, give one in PEM or DER"
            case .tooManyIntermediates:
                "Too many intermediate certificates, give at most \(EndorsementCertificate.maximumIntermediates)"
            case .isAuthority: "This is an authority's certificate, ask the vault's operator for the chip's"
            case .notForEndorsement: "This certificate is not a TPM's, ask the vault's operator for the chip's"
            case .wrongKeyUsage:
                "The certified key is not for receiving secrets, ask for the encryption key's certificate"
            case .namesNoChip: "The certificate does not name a TPM's maker, model and version, do not trust this vault"
            case .rocaKey:
                "The endorsement key was made by the flawed generator of CVE-2017-15361 (ROCA), so anybody can compute it;"
                    + " do not trust this vault"
            case .signatureAlgorithm(let name):
                "The endorsement certificate is signed with SHA-1 or by an algorithm that we do not know (\(name)), use"
                    + " another vault"
            case .unknownCriticalExtension:
                "The endorsement certificate has a condition that we do not know, use another vault"
            case .outsideValidity: "The endorsement certificate is expired or not valid yet, check this device's clock"
            case .rootOfAnotherMaker(let root, let certificate):
                "The endorsement certificate names a chip of \(certificate) and leads to the root \(root), which has no say"
                    + " about that, do not trust this vault"
            case .untrusted(let reasons):
                "The endorsement certificate leads to no root you trust, do not trust this vault; where it should, name its maker's"
                    + " (or the emulator's) authority with --trust-root or TENPIN_TRUST_ROOT"
                    + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: "; ")))")
            }
        return advice + "; no guess was spent."
    }
}
