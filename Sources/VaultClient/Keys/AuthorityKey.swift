import Crypto
import OPRF
import Secrets
import TPM

/// A limit key or an open key: signs for one use on the chip, and for nothing else.
struct AuthorityKey: Sendable {
    private let key: P256.Signing.PrivateKey
    /// The public key.
    let point: P256Point

    /// The key with this scalar, 32 bytes, big-endian, in [1, n-1].
    init(scalar: borrowing SecretBytes) throws(VaultClientError) {
        do {
            key = try scalar.withBytes { (bytes: Span<UInt8>) throws in
                try unsafe bytes.withUnsafeBytes { unsafe try P256.Signing.PrivateKey(rawRepresentation: $0) }
            }
        } catch {
            throw VaultClientError(.profile(.unusableKey))
        }
        point = P256Point(key.publicKey)
    }

    /// The scalar of the first counter from 0 whose key `authority` allows. One in 65,536 needs a second.
    ///
    /// - Parameters:
    ///   - key: a pseudorandom key.
    ///   - label: what stands before the counter in the expansion's info.
    static func derive(
        from key: borrowing SecretBytes, label: [UInt8], authority: AuthorityProfile
    ) throws(VaultClientError) -> SecretBytes {
        for counter in UInt8.min...UInt8.max {
            let scalar = try scalar(from: key, label: label, counter: counter)
            let point = try AuthorityKey(scalar: scalar).point
            if (try? authority.name(of: point)) != nil { return scalar }
        }
        throw VaultClientError(.profile(.unusableKey))
    }

    static func scalar(
        from key: borrowing SecretBytes, label: [UInt8], counter: UInt8
    ) throws(VaultClientError) -> SecretBytes {
        do throws(OPRFError) {
            return try Scalar(reducing: HKDF.expand(key, info: label + [counter], count: 48)).bigEndian.duplicate()
        } catch {
            throw VaultClientError(.oprf(error))
        }
    }

    /// The one place where Tenpin signs. A `SignedAct` names one command on one object, under a nonce of exactly 32
    /// bytes and for 120 seconds; there is no other way to make one. BoringSSL hedges the signature's nonce.
    func sign(_ act: SignedAct) throws(VaultClientError) -> Signature {
        do {
            let signature = try key.signature(for: SHA256.hash(data: act.message))
            return try Signature(p1363: Array(signature.rawRepresentation))
        } catch {
            throw VaultClientError(.profile(.unusableKey))
        }
    }
}
