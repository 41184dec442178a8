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
    /// The certificate itself.
    public let der: [UInt8]
    /// The subject as it is encoded, to be compared with what a certificate names as its issuer.
    let subjectBytes: [UInt8]
    let issuerBytes: [UInt8]
    /// The subject, in printable ASCII.
    public let subject: String

    /// Reads one DER certificate.
    public init(der: [UInt8]) throws(EndorsementError) {
        guard let certificate = try? Certificate(derEncoded: der) else { throw .notCertificates }
        self.certificate = certificate
        fingerprint = Array(SHA256.hash(data: der))
        isSelfIssued = certificate.subject == certificate.issuer
        self.der = der
        guard let subject = try? certificate.subject.encoded, let issuer = try? certificate.issuer.encoded else {
            throw .notCertificates
        }
        subjectBytes = subject
        issuerBytes = issuer
        self.subject = printable(certificate.subject.description)
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

extension DistinguishedName {
    /// The DER that it was read from.
    fileprivate var encoded: [UInt8] {
        get throws {
            var serializer = DER.Serializer()
            try serializer.serialize(self)
            return serializer.serializedBytes
        }
    }
}
