import FoundationEssentials
import SwiftASN1
@_spi(FixedExpiryValidationTime) import X509

/// The certificate of a TPM's endorsement key, as its maker put it into the chip.
///
/// It is what an impostor may show as well until `verify` gave an answer *and* the caller compared `certifiedKey` with
/// the public area of the key that it talks to.
public struct EndorsementCertificate: Sendable {
    /// The most intermediates that are looked at: each more can multiply the chains to try.
    public static let maximumIntermediates = 6
    private static let maximumBytes = 16384

    /// The certificate itself, without what lay behind it in NV.
    public let der: [UInt8]
    /// The key that is certified.
    public let certifiedKey: CertifiedKey
    /// Subject and issuer, in printable ASCII.
    public let subject: String
    public let issuer: String

    private let certificate: Certificate

    /// Parses the contents of the NV index: one DER certificate, and padding after it, which is cut off.
    public init(der contents: [UInt8]) throws(EndorsementError) {
        guard let size = Self.outerSize(of: contents), size <= min(contents.count, Self.maximumBytes),
            let certificate = try? Certificate(derEncoded: Array(contents[..<size]))
        else { throw .malformed }
        der = Array(contents[..<size])
        self.certificate = certificate
        certifiedKey = try CertifiedKey(certificate.publicKey)
        subject = printable(certificate.subject.description)
        issuer = printable(certificate.issuer.description)
    }

    /// Checks the certificate and builds a chain to one of `roots`, all valid at `time`.
    ///
    /// `intermediates` may come from anybody. Revocation is not checked: nothing is fetched.
    public func verify(
        roots: [AuthorityCertificate], intermediates: [AuthorityCertificate], at time: Date
    ) async throws(EndorsementError) -> VerifiedEndorsement {
        guard intermediates.count <= Self.maximumIntermediates else { throw .tooManyIntermediates }
        try EndorsementPolicy.check(leaf: certificate)
        let understood = RFC5280Policy().verifyingCriticalExtensions + EndorsementPolicy().verifyingCriticalExtensions
        guard certificate.extensions.allSatisfy({ !$0.critical || understood.contains($0.oid) }) else {
            throw .unknownCriticalExtension
        }
        guard certificate.notValidBefore <= time, time <= certificate.notValidAfter else { throw .outsideValidity }
        var verifier = Verifier(rootCertificates: CertificateStore(roots.map(\.certificate))) {
            RFC5280Policy(fixedExpiryValidationTime: time)
            EndorsementPolicy()
        }
        let result = await verifier.validate(
            leaf: certificate, intermediates: CertificateStore(intermediates.map(\.certificate)))
        switch result {
        case .validCertificate(let chain):
            guard let anchor = chain.last, let root = roots.first(where: { $0.certificate == anchor }) else {
                throw .untrusted([])
            }
            return VerifiedEndorsement(
                chip: try ChipName(certificate), certifiedKey: certifiedKey, subject: subject, issuer: issuer,
                rootFingerprint: root.fingerprint)
        case .couldNotValidate(let failures):
            throw .untrusted(failures.map { printable($0.policyFailureReason.description) })
        }
    }

    /// The size of the outermost SEQUENCE with its header (X.690 §8.1.3), 128 bytes or more as every certificate has.
    private static func outerSize(of bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4, bytes[0] == 0x30 else { return nil }
        switch bytes[1] {
        case 0x81: return 3 + Int(bytes[2])
        case 0x82: return 4 + (Int(bytes[2]) << 8 | Int(bytes[3]))
        default: return nil
        }
    }
}

/// What a maker vouches for.
public struct VerifiedEndorsement: Equatable, Sendable {
    /// Maker, model and version.
    public let chip: ChipName
    /// The key that is certified; the caller compares it with the chip's public area.
    public let certifiedKey: CertifiedKey
    /// Subject and issuer of the certificate, in printable ASCII.
    public let subject: String
    public let issuer: String
    /// SHA-256 of the root (DER) that the chain ends at, 32 bytes. The caller knows whose it is: the maker must match.
    public let rootFingerprint: [UInt8]
}
