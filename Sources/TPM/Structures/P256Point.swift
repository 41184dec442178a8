import Crypto

/// A point of P-256 other than the identity, in affine coordinates. TPM 2.0 Part 2 §11.2.5.2 (TPMS_ECC_POINT).
public struct P256Point: Hashable, Sendable {
    /// The x-coordinate, 32 bytes, big-endian.
    public let x: [UInt8]
    /// The y-coordinate, 32 bytes, big-endian.
    public let y: [UInt8]

    /// The point with these coordinates, each of exactly 32 bytes.
    public init(x: [UInt8], y: [UInt8]) throws(WireError) {
        guard x.count == 32, y.count == 32 else { throw .notAPoint }
        guard (try? P256.KeyAgreement.PublicKey(x963Representation: [4] + x + y)) != nil else { throw .notAPoint }
        self.x = x
        self.y = y
    }

    /// A compressed point of exactly 33 bytes: prefix 02 or 03, x below p, on the curve. SEC 1 §2.3.4.
    public init(sec1 bytes: [UInt8]) throws(WireError) {
        guard bytes.count == 33, bytes[0] == 2 || bytes[0] == 3, bytes.dropFirst().lexicographicallyPrecedes(Self.p),
            let key = try? P256.KeyAgreement.PublicKey(compressedRepresentation: bytes)
        else { throw .notAPoint }
        let raw = Array(key.rawRepresentation)
        x = Array(raw.prefix(32))
        y = Array(raw.suffix(32))
    }

    /// The public part of a signing key.
    public init(_ key: P256.Signing.PublicKey) {
        let raw = Array(key.rawRepresentation)
        x = Array(raw.prefix(32))
        y = Array(raw.suffix(32))
    }

    /// The compressed form, 33 bytes. SEC 1 §2.3.3.
    public var sec1: [UInt8] { [2 | y[31] & 1] + x }

    /// The uncompressed form, 65 bytes.
    public var x963: [UInt8] { [4] + x + y }

    /// Reads a TPMS_ECC_POINT; coordinates may come without leading zeros.
    init(_ reader: inout Reader) throws(WireError) {
        let x = try reader.sized(limit: 32)
        let y = try reader.sized(limit: 32)
        try self.init(x: x.padded(to: 32), y: y.padded(to: 32))
    }

    /// Reads a TPM2B_ECC_POINT.
    public init(tpm2b reader: inout Reader) throws(WireError) {
        self = try Reader.parse(try reader.sized()) { (inner: inout Reader) throws(WireError) in
            try P256Point(&inner)
        }
    }

    /// Writes a TPMS_ECC_POINT.
    func write(to writer: inout Writer) {
        writer.sized(x)
        writer.sized(y)
    }

    private static let p: [UInt8] =
        [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 12) + [UInt8](repeating: 0xFF, count: 12)
}

extension [UInt8] {
    /// The same number in `size` bytes, with zeros in front.
    func padded(to size: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: Swift.max(0, size - count)) + self
    }
}
