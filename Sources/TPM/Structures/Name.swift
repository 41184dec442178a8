/// The Name of an entity: for objects and NV indexes the hash of the public area behind the hash's identifier,
/// for everything else the handle itself. TPM 2.0 Part 1 §16.
public struct Name: Hashable, Sendable, CustomStringConvertible {
    /// 4 bytes (a handle), or 2 bytes of algorithm and the digest: 34, 50 or 66.
    public let bytes: [UInt8]

    /// The Name of a marshalled public area.
    init(of publicArea: [UInt8], _ hash: HashAlgorithm) {
        bytes = Writer.bytes { writer in
            writer.integer(hash.rawValue)
            writer.raw(hash.digest(publicArea))
        }
    }

    /// The Qualified Name of a primary object: its own Name behind its hierarchy's.
    public static func qualified(_ object: Name, in hierarchy: Handle, _ hash: HashAlgorithm) -> Name {
        Name(of: Name(hierarchy).bytes + object.bytes, hash)
    }

    /// The Name of a hierarchy or session: its handle.
    public init(_ handle: Handle) {
        bytes = Writer.bytes { $0.integer(handle.rawValue) }
    }

    /// A Name as it crosses the wire: an algorithm that Tenpin knows, and a digest of its size.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        try Reader.parse(bytes) { (reader: inout Reader) throws(WireError) in
            let algorithm = try reader.integer(UInt16.self)
            guard let hash = HashAlgorithm(rawValue: algorithm) else {
                throw .unexpected("a Name's hash", value: UInt32(algorithm))
            }
            _ = try reader.raw(hash.size)
        }
        self.bytes = bytes
    }

    /// Lower-case hexadecimal digits.
    public var description: String { bytes.hexadecimal }
}

extension Sequence<UInt8> {
    /// Two lower-case digits a byte.
    public var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
