import Crypto
import Secrets

/// A fresh secret shared with the holder of an ECC key by one-pass ECDH: how salts and seeds reach a chip.
/// TPM 2.0 Part 1 Annex C.6.1.
struct EphemeralSecret: ~Copyable {
    /// The secret, as many bytes as the recipient's nameAlg has.
    let secret: SecretBytes
    /// The ephemeral public point, a marshalled TPMS_ECC_POINT.
    let point: [UInt8]

    /// Makes the secret for the key with coordinates `x` and `y`; refused when they are not a point of the curve.
    init(
        for curve: PublicArea.Curve, x: [UInt8], y: [UInt8], hash: HashAlgorithm, label: String
    ) throws(WireError) {
        let size = curve.coordinateSize
        let theirX = x.padded(to: size)
        let theirs = [4] + theirX + y.padded(to: size)
        let shared: SharedSecret
        let mine: [UInt8]
        do {
            switch curve {
            case .p256:
                let key = P256.KeyAgreement.PrivateKey()
                shared = try key.sharedSecretFromKeyAgreement(with: .init(x963Representation: theirs))
                mine = Array(key.publicKey.rawRepresentation)
            case .p384:
                let key = P384.KeyAgreement.PrivateKey()
                shared = try key.sharedSecretFromKeyAgreement(with: .init(x963Representation: theirs))
                mine = Array(key.publicKey.rawRepresentation)
            }
        } catch {
            throw .notAPoint
        }
        let myX = Array(mine.prefix(size))
        secret = KDF.e(hash, z: shared, label: label, partyU: myX, partyV: theirX, bits: hash.size * 8)
        point = Writer.bytes { writer in
            writer.sized(myX)
            writer.sized(mine.suffix(size))
        }
    }
}
