/// Appends values in the TPM's canonical form: big-endian integers, and buffers behind a 16-bit size.
/// TPM 2.0 Part 2 §4 (TPM2B structures: §10.4).
public struct Writer: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []

    /// An empty writer.
    public init() {}

    /// Appends an unsigned integer, most significant byte first.
    public mutating func integer(_ value: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// Appends bytes as they are.
    public mutating func raw(_ value: some Sequence<UInt8>) {
        bytes.append(contentsOf: value)
    }

    /// Appends a TPM2B: two size bytes, then the bytes (at most 65535).
    public mutating func sized(_ value: some Collection<UInt8>) {
        integer(UInt16(value.count))
        bytes.append(contentsOf: value)
    }

    /// Appends what `body` writes as a TPM2B.
    public mutating func sized(_ body: (inout Writer) -> Void) {
        var inner = Writer()
        body(&inner)
        sized(inner.bytes)
    }

    /// The bytes that `body` writes.
    public static func bytes(_ body: (inout Writer) -> Void) -> [UInt8] {
        var writer = Writer()
        body(&writer)
        return writer.bytes
    }
}
