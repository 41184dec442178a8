/// A structure that is not what it should be.
public enum WireError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The bytes ended inside a value.
    case truncated
    /// Bytes follow where the structure ends.
    case trailingBytes(Int)
    /// A buffer is larger than its type allows.
    case oversized(Int, limit: Int)
    /// A selector or constant that Tenpin does not use here.
    case unexpected(String, value: UInt32)
    /// A point that is not on its curve, or not one of the group's.
    case notAPoint

    public var description: String {
        switch self {
        case .truncated: "the structure ends too early"
        case .trailingBytes(let count): "\(count) bytes follow the end of the structure"
        case .oversized(let size, let limit): "a buffer of \(size) bytes is larger than \(limit)"
        case .unexpected(let what, let value):
            "\(what) has the value 0x\(String(value, radix: 16)), which is not used here"
        case .notAPoint: "the coordinates are not a point of the curve"
        }
    }
}

/// Reads values in the TPM's canonical form, and refuses to read past the end. TPM 2.0 Part 2 §4.
public struct Reader: Sendable {
    private var rest: ArraySlice<UInt8>

    /// A reader at the first of `bytes`.
    public init(_ bytes: some Sequence<UInt8>) { rest = ArraySlice(Array(bytes)) }

    /// The bytes not yet read.
    public var remaining: [UInt8] { Array(rest) }

    /// Reads `count` bytes.
    public mutating func raw(_ count: Int) throws(WireError) -> [UInt8] {
        guard count >= 0, rest.count >= count else { throw .truncated }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// Reads an unsigned integer, most significant byte first.
    public mutating func integer<I: FixedWidthInteger & UnsignedInteger>(_: I.Type = I.self) throws(WireError) -> I {
        try raw(I.bitWidth / 8).reduce(0) { $0 << 8 | I($1) }
    }

    /// Reads a TPM2B of at most `limit` bytes.
    public mutating func sized(limit: Int = 65535) throws(WireError) -> [UInt8] {
        let size = Int(try integer(UInt16.self))
        guard size <= limit else { throw .oversized(size, limit: limit) }
        return try raw(size)
    }

    /// Refuses bytes that follow.
    public func end() throws(WireError) {
        guard rest.isEmpty else { throw .trailingBytes(rest.count) }
    }

    /// Parses all of `bytes` with `body`.
    public static func parse<R>(
        _ bytes: some Sequence<UInt8>, _ body: (inout Reader) throws(WireError) -> R
    ) throws(WireError) -> R {
        var reader = Reader(bytes)
        let value = try body(&reader)
        try reader.end()
        return value
    }
}
