import SwiftASN1

/// Ways into a parsed tree, for structures that X509 does not read.
extension ASN1Node {
    /// What a constructed value holds, in order; nothing of a primitive one.
    var children: [ASN1Node] {
        if case .constructed(let nodes) = content { Array(nodes) } else { [] }
    }

    /// The bytes of a primitive value; none of a constructed one.
    var value: ArraySlice<UInt8> {
        if case .primitive(let bytes) = content { bytes } else { [] }
    }

    /// A BOOLEAN of one byte 00 or FF. An explicit FALSE where it is the default is not DER (X.690 §11.5), but Intel's
    /// on-die authority writes it.
    var boolean: Bool? {
        guard identifier == .boolean, value.count == 1 else { return nil }
        return switch value.first {
        case 0x00: false
        case 0xFF: true
        default: nil
        }
    }

    /// The text of a UTF8String, PrintableString or IA5String.
    var text: String? {
        switch identifier {
        case .utf8String, .printableString, .ia5String: String(validating: value, as: UTF8.self)
        default: nil
        }
    }

    /// A Name as RFC 4514 writes it, in printable ASCII, whatever the order of its sets is.
    var distinguishedName: String {
        let parts = children.reversed().map { set in
            set.children.map { attribute in
                let name = attribute.children.first.flatMap { try? ASN1ObjectIdentifier(derEncoded: $0) }
                let value = attribute.children.last?.text ?? "?"
                return "\(name.map { Self.shortNames[$0] ?? "\($0)" } ?? "?")=\(value)"
            }.joined(separator: "+")
        }
        return printable(parts.joined(separator: ","))
    }

    /// RFC 4514 §3.
    private static let shortNames: [ASN1ObjectIdentifier: String] = [
        [2, 5, 4, 3]: "CN", [2, 5, 4, 6]: "C", [2, 5, 4, 7]: "L", [2, 5, 4, 8]: "ST", [2, 5, 4, 10]: "O",
        [2, 5, 4, 11]: "OU",
    ]

    /// Whether this is the context-specific tag `number`.
    func isTagged(_ number: UInt) -> Bool {
        identifier.tagClass == .contextSpecific && identifier.tagNumber == number
    }
}

/// What does not parse as it should.
struct NotDER: Error {}

extension ASN1ObjectIdentifier {
    static let rsaEncryption: ASN1ObjectIdentifier = [1, 2, 840, 113_549, 1, 1, 1]
    /// id-RSAES-OAEP. RFC 4055 §4.1.
    static let rsaOAEP: ASN1ObjectIdentifier = [1, 2, 840, 113_549, 1, 1, 7]
    static let ecPublicKey: ASN1ObjectIdentifier = [1, 2, 840, 10045, 2, 1]
    static let p256: ASN1ObjectIdentifier = [1, 2, 840, 10045, 3, 1, 7]
    static let p384: ASN1ObjectIdentifier = [1, 3, 132, 0, 34]
    static let tpmManufacturer: ASN1ObjectIdentifier = [2, 23, 133, 2, 1]
    static let tpmModel: ASN1ObjectIdentifier = [2, 23, 133, 2, 2]
    static let tpmVersion: ASN1ObjectIdentifier = [2, 23, 133, 2, 3]
    /// tcg-kp-EKCertificate
    static let endorsementPurpose: ASN1ObjectIdentifier = [2, 23, 133, 8, 1]
}
