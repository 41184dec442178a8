import SwiftASN1
import X509

/// An endorsement certificate with the certificates that lead to a root, from where they are kept.
public struct EndorsementChain: Sendable {
    public let certificate: EndorsementCertificate
    /// Authorities' certificates, in the order towards the root as far as they form one; at most
    /// `EndorsementCertificate.maximumIntermediates`, and the root where it was there.
    public let authorities: [AuthorityCertificate]

    /// Of many authorities only those that lead from the certificate upwards: a chip's NV may hold several chains.
    public init(_ certificate: EndorsementCertificate, from authorities: [AuthorityCertificate]) {
        self.certificate = certificate
        var path: [AuthorityCertificate] = []
        var issuer = certificate.issuerBytes
        while let next = authorities.first(where: { candidate in
            candidate.subjectBytes == issuer && !path.contains { $0.fingerprint == candidate.fingerprint }
        }), path.count <= EndorsementCertificate.maximumIntermediates {
            path.append(next)
            issuer = next.issuerBytes
        }
        self.authorities = path
    }

    /// Reads a file: PEM or DER, the endorsement certificate first and any number of authorities' behind it. AMD and Intel
    /// publish certificates instead of keeping them on the chip.
    public init(file: [UInt8]) throws(EndorsementError) {
        var parts = try Self.parts(of: file)
        guard !parts.isEmpty else { throw .notCertificates }
        let certificate = try EndorsementCertificate(der: parts.removeFirst())
        var authorities: [AuthorityCertificate] = []
        for part in parts { authorities.append(try AuthorityCertificate(der: part)) }
        self.init(certificate, from: authorities)
    }

    /// The most bytes of a file or of a chip's indexes that are looked at.
    public static let maximumBytes = 1 << 16

    /// Takes concatenated DER certificates apart. What stands behind the last one is padding; authorities that do not
    /// parse are somebody else's.
    public static func authorities(concatenated contents: [UInt8]) -> [AuthorityCertificate] {
        pieces(of: contents).compactMap { try? AuthorityCertificate(der: $0) }
    }

    private static func parts(of file: [UInt8]) throws(EndorsementError) -> [[UInt8]] {
        guard file.count <= maximumBytes else { throw .notCertificates }
        if file.first == 0x30 { return pieces(of: file) }
        guard let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: file, as: UTF8.self)),
            documents.allSatisfy({ $0.discriminator == Certificate.defaultPEMDiscriminator })
        else { throw .notCertificates }
        return documents.map(\.derBytes)
    }

    private static func pieces(of contents: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = contents.prefix(maximumBytes)
        while let size = EndorsementCertificate.outerSize(of: rest), size <= rest.count {
            pieces.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return pieces
    }
}
