import Crypto
import Foundation
import SwiftASN1
import X509

/// A private authority, and the certificates that it issues to servers and gateways.
package struct PaperSite: Sendable {
    private let name: DistinguishedName
    private let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
    private let certificate: Certificate

    package init(_ name: String = "Paper site") throws {
        self.name = try DistinguishedName { CommonName(name) }
        certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: .now - 3600,
            notValidAfter: .now + 86_400, issuer: self.name, subject: self.name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
            }, issuerPrivateKey: key)
    }

    /// The authority itself, PEM.
    package var pem: String { get throws { try certificate.serializeAsPEM().pemString } }

    /// A certificate and its key, both PEM.
    package struct Pair: Sendable {
        package let certificate: String
        package let key: String
    }

    /// For a server of these names and addresses, or for a client of that name.
    package func issue(
        _ names: [String], addresses: [[UInt8]] = [], isClient: Bool = false, until: Date = .now + 86_400
    ) throws -> Pair {
        let own = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let alternatives =
            names.map { GeneralName.dnsName($0) }
            + addresses.map { GeneralName.ipAddress(ASN1OctetString(contentBytes: $0[...])) }
        let issued = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: own.publicKey, notValidBefore: .now - 3600,
            notValidAfter: until, issuer: name, subject: try DistinguishedName { CommonName(names.first ?? "nobody") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init {
                Critical(BasicConstraints.notCertificateAuthority)
                try ExtendedKeyUsage([isClient ? .clientAuth : .serverAuth])
                SubjectAlternativeNames(alternatives)
            }, issuerPrivateKey: key)
        return Pair(
            certificate: try issued.serializeAsPEM().pemString, key: try own.serializeAsPEM().pemString)
    }
}
