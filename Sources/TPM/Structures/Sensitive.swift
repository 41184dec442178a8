import Secrets

/// The secret part of an object. TPM 2.0 Part 2 §12.3.2.4 (TPMT_SENSITIVE), with an empty authValue always:
/// what Tenpin seals is used by policy alone.
public struct Sensitive: ~Copyable {
    /// The marshalled TPM2B_SENSITIVE.
    let tpm2b: SecretBytes

    /// A P-256 private key of 32 bytes, without a seed.
    public init(privateKey: borrowing SecretBytes) {
        tpm2b = Self.marshal(type: 0x0023, seed: SecretBytes(random: 0), secret: privateKey)
    }

    /// Sealed data of at most 128 bytes, with the 32-byte seed value that blinds its `unique`.
    public init(sealedData: borrowing SecretBytes, seed: borrowing SecretBytes) {
        tpm2b = Self.marshal(type: 0x0008, seed: seed.duplicate(), secret: sealedData)
    }

    private static func marshal(
        type: UInt16, seed: consuming SecretBytes, secret: borrowing SecretBytes
    ) -> SecretBytes {
        let size = 2 + 2 + 2 + seed.count + 2 + secret.count
        let beforeSeed = Writer.bytes { writer in
            writer.integer(UInt16(size))
            writer.integer(type)
            writer.integer(UInt16(0))
            writer.integer(UInt16(seed.count))
        }
        let beforeSecret = Writer.bytes { $0.integer(UInt16(secret.count)) }
        return SecretBytes(count: 2 + size) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            bytes.append(beforeSeed.span, at: &offset)
            seed.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
            bytes.append(beforeSecret.span, at: &offset)
            secret.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
        }
    }
}
