import Crypto
import SwiftASN1

/// The public key that a certificate certifies, in the form a TPM's public area has it.
public enum CertifiedKey: Equatable, Sendable {
    /// RSA: the modulus, big endian, without leading zeros; the exponent, usually 65537.
    case rsa(modulus: [UInt8], exponent: UInt32)
    /// A point in SEC 1's uncompressed form: 04, x, y (65 or 97 bytes).
    case ec(Curve, x963: [UInt8])

    /// The curves of the endorsement keys that a device session can be salted to.
    public enum Curve: Sendable {
        case p256
        case p384
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). An RSA key may be for RSAES-OAEP, whose parameters bind nobody
    /// here: the chip does what its own public area says.
    init(subjectPublicKeyInfo node: ASN1Node) throws {
        guard node.identifier == .sequence, node.children.count == 2 else { throw NotDER() }
        let algorithm = node.children[0].children
        guard let name = algorithm.first, algorithm.count <= 2 else { throw NotDER() }
        let bits = try ASN1BitString(derEncoded: node.children[1])
        guard bits.paddingBits == 0 else { throw NotDER() }
        switch try ASN1ObjectIdentifier(derEncoded: name) {
        case .rsaEncryption, .rsaOAEP:
            let key = try RSAPublicKey(derEncoded: Array(bits.bytes))
            self = .rsa(modulus: key.modulus, exponent: key.exponent)
        case .ecPublicKey:
            guard algorithm.count == 2 else { throw NotDER() }
            let point = Array(bits.bytes)
            switch try? ASN1ObjectIdentifier(derEncoded: algorithm[1]) {
            case ASN1ObjectIdentifier.p256:
                _ = try P256.Signing.PublicKey(x963Representation: point)
                self = .ec(.p256, x963: point)
            case ASN1ObjectIdentifier.p384:
                _ = try P384.Signing.PublicKey(x963Representation: point)
                self = .ec(.p384, x963: point)
            default: throw EndorsementError.unsupportedKey
            }
        default: throw EndorsementError.unsupportedKey
        }
    }
}

/// RSAPublicKey of RFC 8017 §A.1.1.
struct RSAPublicKey: DERParseable {
    let modulus: [UInt8]
    let exponent: UInt32

    init(derEncoded rootNode: ASN1Node) throws {
        (modulus, exponent) = try DER.sequence(rootNode, identifier: .sequence) { nodes in
            let modulus = try ArraySlice<UInt8>(derEncoded: &nodes)
            let exponent = try UInt32(derEncoded: &nodes)
            return (Array(modulus.drop { $0 == 0 }), exponent)
        }
    }
}
