import CLibCrypto
import Secrets

/// The salt of a device session: a secret that only the device and the holder of the endorsement key know.
/// TPM 2.0 Part 1 §19.6.13, Annexes B.10.2 and C.6.1.
public struct Salt: ~Copyable {
    /// The salt itself; as many bytes as the endorsement key's nameAlg has.
    public let secret: SecretBytes
    /// The salt for the chip's eyes: the contents of a TPM2B_ENCRYPTED_SECRET.
    public let encrypted: [UInt8]

    /// Makes a fresh salt for an RSA or ECC storage key.
    public init(for key: PublicArea) throws(WireError) { try self.init(for: key, label: "SECRET") }

    /// The same secret under another label, for what else is encrypted to an endorsement key.
    init(for key: PublicArea, label: String) throws(WireError) {
        switch key.body {
        case .ecc(let curve, _, _, let x, let y):
            let ephemeral = try EphemeralSecret(for: curve, x: x, y: y, hash: key.nameAlgorithm, label: label)
            encrypted = ephemeral.point
            secret = ephemeral.secret.duplicate()
        case .rsa(_, _, let exponent, let modulus):
            let fresh = SecretBytes(random: key.nameAlgorithm.size)
            encrypted = try RSAOAEP.encrypt(
                fresh, modulus: modulus, exponent: exponent == 0 ? 65537 : exponent, hash: key.nameAlgorithm,
                label: label)
            secret = fresh
        case .sealed:
            throw .unexpected("the object's type", value: 0x0008)
        }
    }
}

/// RSAES-OAEP with a label, which neither swift-crypto nor BoringSSL's public interface offers. RFC 8017 §7.1.1.
private enum RSAOAEP {
    static func encrypt(
        _ secret: borrowing SecretBytes, modulus: [UInt8], exponent: UInt32, hash: HashAlgorithm, label: String
    ) throws(WireError) -> [UInt8] {
        // The label that the TPM hashes ends with a zero byte (Annex B.4).
        let label = Array(label.utf8) + [0]
        let digest = hash == .sha256 ? "SHA256" : hash == .sha384 ? "SHA384" : "SHA512"
        var output = [UInt8](repeating: 0, count: modulus.count)
        let size = secret.withBytes { (bytes: Span<UInt8>) in
            unsafe bytes.withUnsafeBufferPointer { input in
                unsafe tenpin_rsa_oaep_encrypt(
                    modulus, modulus.count, exponent, digest, label, label.count, input.baseAddress, input.count,
                    &output, output.count)
            }
        }
        guard size == modulus.count else { throw .unexpected("an RSA key of bits", value: UInt32(modulus.count * 8)) }
        return output
    }
}
