import Crypto
import SwiftASN1
import X509

/// The certificate of an authority: a trust root, or an intermediate one that a root leads to.
public struct AuthorityCertificate: Sendable {
    let certificate: Certificate
    /// SHA-256 of the DER certificate, 32 bytes: what a list of trusted roots pins.
    public let fingerprint: [UInt8]
    /// Whether it names itself as its issuer, as a root does and an intermediate does not.
    public let isSelfIssued: Bool
    /// The subject, in printable ASCII.
    public let subject: String

    /// Reads one DER certificate.
    public init(der: [UInt8]) throws(EndorsementError) {
        guard let certificate = try? Certificate(derEncoded: der) else { throw .notCertificates }
        self.certificate = certificate
        fingerprint = Array(SHA256.hash(data: der))
        isSelfIssued = certificate.subject == certificate.issuer
        subject = printable(certificate.subject.description)
    }

    /// Reads a file that holds one DER certificate or any number in PEM.
    public static func list(file: [UInt8]) throws(EndorsementError) -> [AuthorityCertificate] {
        if file.first == 0x30 { return [try AuthorityCertificate(der: file)] }
        guard let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: file, as: UTF8.self)),
            !documents.isEmpty
        else { throw .notCertificates }
        var list: [AuthorityCertificate] = []
        for document in documents {
            guard document.discriminator == Certificate.defaultPEMDiscriminator else { throw .notCertificates }
            list.append(try AuthorityCertificate(der: document.derBytes))
        }
        return list
    }
}
