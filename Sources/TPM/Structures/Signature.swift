/// An ECDSA P-256 signature with SHA-256. TPM 2.0 Part 2 §11.3.4 (TPMT_SIGNATURE).
public struct Signature: Hashable, Sendable {
    /// `r || s`, 64 bytes, as IEEE P1363 has it.
    public let p1363: [UInt8]

    /// Takes exactly 64 bytes.
    public init(p1363: [UInt8]) throws(WireError) {
        guard p1363.count == 64 else { throw .oversized(p1363.count, limit: 64) }
        self.p1363 = p1363
    }

    /// Reads a TPMT_SIGNATURE; `r` and `s` may come without leading zeros.
    public init(_ reader: inout Reader) throws(WireError) {
        for (what, expected) in [("the signature's scheme", 0x0018), ("its hash", HashAlgorithm.sha256.rawValue)] {
            let value = try reader.integer(UInt16.self)
            guard value == expected else { throw .unexpected(what, value: UInt32(value)) }
        }
        let r = try reader.sized(limit: 32)
        let s = try reader.sized(limit: 32)
        p1363 = r.padded(to: 32) + s.padded(to: 32)
    }

    /// The marshalled TPMT_SIGNATURE.
    public var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.integer(UInt16(0x0018))
            writer.integer(HashAlgorithm.sha256.rawValue)
            writer.sized(p1363.prefix(32))
            writer.sized(p1363.suffix(32))
        }
    }
}
