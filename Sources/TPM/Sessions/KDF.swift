import Crypto
import Secrets

/// The TPM's key derivations with SHA-256 or SHA-384. TPM 2.0 Part 1 §11.4.10.
public enum KDF {
    /// KDFa: HMAC in counter mode. `bits` is a multiple of 8. §11.4.10.2.
    public static func a(
        _ hash: HashAlgorithm, key: borrowing SecretBytes, label: String, contextU: [UInt8], contextV: [UInt8],
        bits: Int
    ) -> SecretBytes {
        let symmetric = key.symmetricKey
        return stream(bits: bits) { counter in
            let message =
                counter + Array(label.utf8) + [0] + contextU + contextV
                + Writer.bytes { $0.integer(UInt32(bits)) }
            return hash.hmac(symmetric, message)
        }
    }

    /// KDFe: a hash over the x-coordinate `z` of an ECDH exchange and both keys' x-coordinates. §11.4.10.3.
    public static func e(
        _ hash: HashAlgorithm, z: SharedSecret, label: String, partyU: [UInt8], partyV: [UInt8], bits: Int
    ) -> SecretBytes {
        stream(bits: bits) { counter in
            hash.digest(counter, z: z, followedBy: Array(label.utf8) + [0] + partyU + partyV)
        }
    }

    private static func stream(bits: Int, block: ([UInt8]) -> SecretBytes) -> SecretBytes {
        let size = bits / 8
        return SecretBytes(count: size) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            var counter: UInt32 = 0
            while offset < size {
                counter += 1
                let next = block(Writer.bytes { $0.integer(counter) })
                next.withBytes { (part: Span<UInt8>) in
                    bytes.append(part.extracting(first: min(part.count, size - offset)), at: &offset)
                }
            }
        }
    }
}

extension HashAlgorithm {
    /// HMAC with this hash, the result kept secret.
    func hmac(_ key: SymmetricKey, _ message: [UInt8]) -> SecretBytes {
        switch self {
        case .sha256: SecretBytes(HMAC<SHA256>.authenticationCode(for: message, using: key))
        case .sha384: SecretBytes(HMAC<SHA384>.authenticationCode(for: message, using: key))
        case .sha512: SecretBytes(HMAC<SHA512>.authenticationCode(for: message, using: key))
        }
    }

    fileprivate func digest(_ before: [UInt8], z: SharedSecret, followedBy after: [UInt8]) -> SecretBytes {
        func run<H: HashFunction>(_: H.Type) -> SecretBytes {
            var hash = H()
            hash.update(data: before)
            unsafe z.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
            hash.update(data: after)
            return SecretBytes(hash.finalize())
        }
        return switch self {
        case .sha256: run(SHA256.self)
        case .sha384: run(SHA384.self)
        case .sha512: run(SHA512.self)
        }
    }
}

extension SecretBytes {
    /// A digest or authentication code that is itself a secret; its type has no wiping of its own.
    fileprivate init(_ digest: some Sequence<UInt8>) {
        var bytes = Array(digest)
        self.init(wiping: &bytes)
    }

    /// The same bytes as swift-crypto's key type, which wipes its own copy.
    var symmetricKey: SymmetricKey {
        withBytes { (bytes: Span<UInt8>) in
            unsafe bytes.withUnsafeBytes { unsafe SymmetricKey(data: $0) }
        }
    }
}
