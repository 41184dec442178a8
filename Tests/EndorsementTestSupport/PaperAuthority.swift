import Crypto
import Endorsement
import Foundation
import SwiftASN1
import X509

/// An authority that issues whatever a test asks for.
public struct PaperAuthority: Sendable {
    public let name: DistinguishedName
    public let key: Certificate.PrivateKey
    public let certificate: Certificate

    public static let now = Date(timeIntervalSince1970: 1_800_000_000)
    public static let year: TimeInterval = 365 * 86400

    /// Self-signed unless `issuer` signs.
    public init(
        _ name: String, issuer: PaperAuthority? = nil, version: Certificate.Version = .v3,
        key: Certificate.PrivateKey = .init(P256.Signing.PrivateKey()),
        extensions: [Certificate.Extension]? = nil, until: Date = now + 10 * year,
        signature: Certificate.SignatureAlgorithm = .ecdsaWithSHA256
    ) throws {
        self.name = try DistinguishedName { CommonName(name) }
        self.key = key
        let own = try extensions ?? [.authority(), .usage(KeyUsage(keyCertSign: true))]
        certificate = try Certificate(
            version: version, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: Self.now - Self.year,
            notValidAfter: until, issuer: issuer?.name ?? self.name, subject: self.name,
            signatureAlgorithm: signature, extensions: try .init(version == .v3 ? own : []),
            issuerPrivateKey: issuer?.key ?? key)
    }

    public var authority: AuthorityCertificate {
        get throws { try AuthorityCertificate(der: certificate.der) }
    }

    /// An endorsement certificate, in order unless told otherwise.
    public func endorse(
        key: Certificate.PublicKey = Certificate.PrivateKey(P256.Signing.PrivateKey()).publicKey,
        subject: DistinguishedName = .init(), from: Date = now - year, until: Date = now + year,
        extensions: [Certificate.Extension]? = nil, signature: Certificate.SignatureAlgorithm = .ecdsaWithSHA256
    ) throws -> [UInt8] {
        try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key, notValidBefore: from, notValidAfter: until,
            issuer: name, subject: subject, signatureAlgorithm: signature,
            extensions: try .init(extensions ?? Self.endorsement()), issuerPrivateKey: self.key
        ).der
    }

    /// The extensions that an endorsement certificate has, each replaceable or, as an empty list, left out.
    public static func endorsement(
        purpose: [Certificate.Extension]? = nil, names: [Certificate.Extension]? = nil,
        constraints: [Certificate.Extension]? = nil, usage: [Certificate.Extension]? = nil,
        more: [Certificate.Extension] = []
    ) throws -> [Certificate.Extension] {
        try (purpose ?? [.purpose([2, 23, 133, 8, 1])]) + (names ?? [.chip()])
            + (constraints ?? [.leaf()]) + (usage ?? [.usage(KeyUsage(keyAgreement: true))]) + more
    }
}

extension Certificate {
    public var der: [UInt8] {
        get throws {
            var serializer = DER.Serializer()
            try serializer.serialize(self)
            return serializer.serializedBytes
        }
    }
}

extension Certificate.Extension {
    public static func authority(maxPathLength: Int? = nil) throws -> Self {
        try Certificate.Extension(BasicConstraints.isCertificateAuthority(maxPathLength: maxPathLength), critical: true)
    }

    public static func leaf() throws -> Self {
        try Certificate.Extension(BasicConstraints.notCertificateAuthority, critical: true)
    }

    public static func usage(_ usage: KeyUsage) throws -> Self { try Certificate.Extension(usage, critical: true) }

    public static func purpose(_ purposes: ASN1ObjectIdentifier..., critical: Bool = false) throws -> Self {
        try Certificate.Extension(ExtendedKeyUsage(purposes.map { .init(oid: $0) }), critical: critical)
    }

    /// The subject alternative name of an endorsement certificate; several values make several attributes.
    public static func chip(
        manufacturer: [String] = ["id:53544D20"], model: [String] = ["ST33"], version: [String] = ["id:00010203"],
        oneAttributeSet: Bool = false, critical: Bool = true
    ) throws -> Self {
        let attributes =
            manufacturer.map {
                RelativeDistinguishedName.Attribute(type: [2, 23, 133, 2, 1], value: .init(utf8String: $0))
            }
            + model.map { .init(type: [2, 23, 133, 2, 2], value: .init(utf8String: $0)) }
            + version.map { .init(type: [2, 23, 133, 2, 3], value: .init(utf8String: $0)) }
        let name =
            oneAttributeSet
            ? DistinguishedName([RelativeDistinguishedName(attributes)])
            : DistinguishedName(attributes.map { RelativeDistinguishedName($0) })
        return try Certificate.Extension(SubjectAlternativeNames([.directoryName(name)]), critical: critical)
    }
}
