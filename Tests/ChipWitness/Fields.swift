/// Reads big-endian fields, as the TPM marshals them, one after another (TPM 2.0 Part 2 §4).
package struct Fields {
    package private(set) var rest: ArraySlice<UInt8>

    /// There are fewer bytes than the structure wants.
    package struct Short: Error {}

    package init(_ bytes: some Sequence<UInt8>) { rest = Array(bytes)[...] }

    package var isEmpty: Bool { rest.isEmpty }

    package mutating func take(_ count: Int) throws(Short) -> [UInt8] {
        guard count <= rest.count else { throw Short() }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    package mutating func number<N: FixedWidthInteger & UnsignedInteger>(
        _ type: N.Type = N.self
    ) throws(Short) -> N {
        try take(N.bitWidth / 8).reduce(0) { $0 << 8 | N($1) }
    }

    /// A TPM2B's contents.
    package mutating func sized() throws(Short) -> [UInt8] { try take(Int(number(UInt16.self))) }
}

/// A number in big-endian order.
package func field<N: FixedWidthInteger & UnsignedInteger>(_ value: N) -> [UInt8] {
    stride(from: N.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> N($0)) }
}

/// A TPM2B with these contents.
package func sized(_ contents: [UInt8]) -> [UInt8] { field(UInt16(contents.count)) + contents }
