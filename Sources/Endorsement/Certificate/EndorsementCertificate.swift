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

    private let leaf: LeafCertificate

    /// Parses the contents of the NV index: one DER certificate, and padding after it, which is cut off.
    public init(der contents: [UInt8]) throws(EndorsementError) {
        guard let size = Self.outerSize(of: contents[...]), size <= min(contents.count, Self.maximumBytes) else {
            throw .malformed
        }
        der = Array(contents[..<size])
        leaf = try LeafCertificate(der: der)
        certifiedKey = leaf.key
        subject = leaf.subjectText
        issuer = leaf.issuerText
    }

    /// The issuer's Name as it is encoded.
    var issuerBytes: [UInt8] { leaf.issuer }

    /// What the certificate calls the chip, in printable ASCII; believed only once `verify` gave an answer.
    public var chipName: ChipName? { try? ChipName(leaf.extensions) }

    /// Checks the certificate and builds a chain to one of `roots`, all valid at `time`.
    ///
    /// `intermediates` may come from anybody. Revocation is not checked: nothing is fetched.
    public func verify(
        roots: [AuthorityCertificate], intermediates: [AuthorityCertificate], at time: Date
    ) async throws(EndorsementError) -> VerifiedEndorsement {
        guard intermediates.count <= Self.maximumIntermediates else { throw .tooManyIntermediates }
        try leaf.check()
        guard leaf.validity.contains(time) else { throw .outsideValidity }
        var verifier = Verifier(rootCertificates: CertificateStore(roots.map(\.certificate))) {
            RFC5280Policy(fixedExpiryValidationTime: time)
            AuthorityPolicy()
        }
        var reasons: [String] = []
        var tried: Set<[UInt8]> = []
        for signer in roots + intermediates where signer.subjectBytes == leaf.issuer {
            guard tried.insert(signer.fingerprint).inserted,
                leaf.signature.isValid(over: leaf.signedBytes, by: signer.certificate.publicKey)
            else { continue }
            let result = await verifier.validate(
                leaf: signer.certificate, intermediates: CertificateStore(intermediates.map(\.certificate)))
            switch result {
            case .validCertificate(let chain):
                guard let anchor = chain.last, let root = roots.first(where: { $0.certificate == anchor }) else {
                    continue
                }
                return VerifiedEndorsement(
                    chip: try ChipName(leaf.extensions), certifiedKey: certifiedKey, subject: subject, issuer: issuer,
                    rootFingerprint: root.fingerprint)
            case .couldNotValidate(let failures):
                reasons += failures.map { printable($0.policyFailureReason.description) }
            }
        }
        throw .untrusted(reasons)
    }

    /// The size of the outermost SEQUENCE with its header (X.690 §8.1.3), 128 bytes or more as every certificate has.
    static func outerSize(of bytes: ArraySlice<UInt8>) -> Int? {
        let header = Array(bytes.prefix(4))
        guard header.count == 4, header[0] == 0x30 else { return nil }
        switch header[1] {
        case 0x81: return 3 + Int(header[2])
        case 0x82: return 4 + (Int(header[2]) << 8 | Int(header[3]))
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
    /// SHA-256 of the root (DER) that the chain ends at, 32 bytes; `RootPins` says whose it is, and the maker must match.
    public let rootFingerprint: [UInt8]
}
