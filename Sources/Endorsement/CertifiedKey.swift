import Crypto
import SwiftASN1
import X509

/// The public key that a certificate certifies, in the form a TPM's public area has it.
public enum CertifiedKey: Equatable, Sendable {
    /// RSA: the modulus, big endian, without leading zeros; the exponent, usually 65537.
    case rsa(modulus: [UInt8], exponent: UInt32)
    /// A point in SEC 1's uncompressed form: 04, x, y (65 or 97 bytes).
    case ec(Curve, x963: [UInt8])

    /// The curves of the endorsement keys we know (TCG EK Credential Profile 2.5 §2.2).
    public enum Curve: Sendable {
        case p256
        case p384
    }

    init(_ key: Certificate.PublicKey) throws(EndorsementError) {
        if let key = P256.Signing.PublicKey(key) {
            self = .ec(.p256, x963: Array(key.x963Representation))
        } else if let key = P384.Signing.PublicKey(key) {
            self = .ec(.p384, x963: Array(key.x963Representation))
        } else if let key = try? RSAPublicKey(derEncoded: key.subjectPublicKeyInfoBytes) {
            self = .rsa(modulus: key.modulus, exponent: key.exponent)
        } else {
            throw .unsupportedKey
        }
    }
}

/// RSAPublicKey of RFC 8017 §A.1.1.
private struct RSAPublicKey: DERParseable {
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
