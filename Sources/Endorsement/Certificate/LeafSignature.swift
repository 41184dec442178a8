import Crypto
import CryptoExtras
import SwiftASN1
import X509

/// The issuer's signature on an endorsement certificate.
struct LeafSignature: Sendable {
    private let algorithm: Algorithm
    private let bytes: [UInt8]

    private enum Algorithm: Sendable {
        case ecdsa(Hash)
        /// RSASSA-PKCS1-v1_5
        case rsa(Hash)
    }

    private enum Hash: Sendable { case sha256, sha384, sha512 }

    /// AlgorithmIdentifier and BIT STRING. Algorithms with SHA-1 are refused: who finds two certificates with one
    /// digest gets the second one for free.
    init(algorithm node: ASN1Node, bits: ASN1Node) throws {
        guard let first = node.children.first else { throw NotDER() }
        let string = try ASN1BitString(derEncoded: bits)
        guard string.paddingBits == 0 else { throw NotDER() }
        bytes = Array(string.bytes)
        let name = try ASN1ObjectIdentifier(derEncoded: first)
        guard let algorithm = Self.known[name] else { throw EndorsementError.signatureAlgorithm("\(name)") }
        self.algorithm = algorithm
    }

    private static let known: [ASN1ObjectIdentifier: Algorithm] = [
        [1, 2, 840, 10045, 4, 3, 2]: .ecdsa(.sha256), [1, 2, 840, 10045, 4, 3, 3]: .ecdsa(.sha384),
        [1, 2, 840, 10045, 4, 3, 4]: .ecdsa(.sha512), [1, 2, 840, 113_549, 1, 1, 11]: .rsa(.sha256),
        [1, 2, 840, 113_549, 1, 1, 12]: .rsa(.sha384), [1, 2, 840, 113_549, 1, 1, 13]: .rsa(.sha512),
    ]

    /// Whether `key` made it over `message`.
    func isValid(over message: [UInt8], by key: Certificate.PublicKey) -> Bool {
        switch algorithm {
        case .ecdsa(let hash):
            switch hash {
            case .sha256: isECDSA(SHA256.hash(data: message), key)
            case .sha384: isECDSA(SHA384.hash(data: message), key)
            case .sha512: isECDSA(SHA512.hash(data: message), key)
            }
        case .rsa(let hash):
            switch hash {
            case .sha256: isRSA(SHA256.hash(data: message), key)
            case .sha384: isRSA(SHA384.hash(data: message), key)
            case .sha512: isRSA(SHA512.hash(data: message), key)
            }
        }
    }

    private func isECDSA<D: Digest>(_ digest: D, _ key: Certificate.PublicKey) -> Bool {
        if let key = P256.Signing.PublicKey(key),
            let signature = try? P256.Signing.ECDSASignature(derRepresentation: bytes)
        {
            return key.isValidSignature(signature, for: digest)
        }
        if let key = P384.Signing.PublicKey(key),
            let signature = try? P384.Signing.ECDSASignature(derRepresentation: bytes)
        {
            return key.isValidSignature(signature, for: digest)
        }
        if let key = P521.Signing.PublicKey(key),
            let signature = try? P521.Signing.ECDSASignature(derRepresentation: bytes)
        {
            return key.isValidSignature(signature, for: digest)
        }
        return false
    }

    private func isRSA<D: Digest>(_ digest: D, _ key: Certificate.PublicKey) -> Bool {
        guard let key = _RSA.Signing.PublicKey(key) else { return false }
        return key.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: bytes), for: digest, padding: .insecurePKCS1v1_5)
    }
}
