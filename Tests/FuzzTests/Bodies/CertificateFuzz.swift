import Crypto
import Foundation
import SwiftASN1
import TPM
import X509

@testable import Endorsement

/// Certificates as a device takes them: the chip's, with padding behind it, and lists of authorities in DER or PEM.
enum CertificateFuzz: FuzzBody {
    static let largest = 2048

    static func take(_ bytes: [UInt8]) throws(Finding) {
        if let list = attempt({ () throws(EndorsementError) in try AuthorityCertificate.list(file: bytes) }) {
            try must(!list.isEmpty, "a list of authorities names at least one")
            for authority in list {
                try must(authority.subject.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a subject is printable")
            }
        }
        guard let shown = attempt({ () throws(EndorsementError) in try EndorsementCertificate(der: bytes) }) else {
            return
        }
        try must(bytes.starts(with: shown.der), "a certificate is cut out and not changed")
        let names = shown.subject + shown.issuer
        try must(names.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "names are printable")
        if case .ec(let curve, let x963) = shown.certifiedKey {
            try mustEqual(x963.count, curve == .p256 ? 65 : 97, "a certified point is uncompressed")
        }
        guard let leaf = try? LeafCertificate(der: shown.der) else {
            throw Finding(description: "a certificate that was cut out does not parse")
        }
        _ = try? leaf.check()
        _ = shown.chipName
        for authority in EndorsementChain.authorities(concatenated: bytes) { _ = authority.subject }
    }

    static func seeds() throws -> [[UInt8]] {
        let root = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("Root") }
        func certificate(_ key: Certificate.PublicKey, _ extensions: [Certificate.Extension]) throws -> [UInt8] {
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(bytes: [1, 2, 3]), publicKey: key,
                notValidBefore: Date(timeIntervalSince1970: 1_700_000_000),
                notValidAfter: Date(timeIntervalSince1970: 1_900_000_000), issuer: name, subject: name,
                signatureAlgorithm: .ecdsaWithSHA256, extensions: try .init(extensions), issuerPrivateKey: root)
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            return serializer.serializedBytes
        }
        let chip = DistinguishedName([
            RelativeDistinguishedName([.init(type: .tpmManufacturer, value: .init(utf8String: "id:53544D20"))]),
            RelativeDistinguishedName([.init(type: .tpmModel, value: .init(utf8String: "ST33"))]),
            RelativeDistinguishedName([.init(type: .tpmVersion, value: .init(utf8String: "id:00010203"))]),
        ])
        let authority = try certificate(
            root.publicKey,
            [
                .init(BasicConstraints.isCertificateAuthority(maxPathLength: 1), critical: true),
                .init(KeyUsage(keyCertSign: true), critical: true),
            ])
        let endorsement: [Certificate.Extension] = [
            try .init(BasicConstraints.notCertificateAuthority, critical: true),
            try .init(KeyUsage(keyAgreement: true), critical: true),
            try .init(ExtendedKeyUsage([.init(oid: .endorsementPurpose)]), critical: false),
            try .init(SubjectAlternativeNames([.directoryName(chip)]), critical: true),
        ]
        let p384 = Certificate.PublicKey(P384.Signing.PrivateKey().publicKey)
        let pem = PEMDocument(type: Certificate.defaultPEMDiscriminator, derBytes: authority).pemString
        return [
            authority, Array(pem.utf8), try certificate(root.publicKey, endorsement),
            try certificate(p384, endorsement) + [0xFF, 0xFF, 0xFF],
        ]
    }
}
