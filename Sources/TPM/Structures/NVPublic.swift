/// The public area of an NV index. TPM 2.0 Part 2 §13.5 (TPMS_NV_PUBLIC).
public struct NVPublic: Hashable, Sendable {
    public var index: Handle
    public var nameAlgorithm: HashAlgorithm
    public var attributes: NVAttributes
    /// Empty, or a digest of `nameAlgorithm`'s size.
    public var authPolicy: [UInt8]
    /// The size of the data in bytes.
    public var dataSize: UInt16

    public init(
        index: Handle, nameAlgorithm: HashAlgorithm, attributes: NVAttributes, authPolicy: [UInt8], dataSize: UInt16
    ) {
        self.index = index
        self.nameAlgorithm = nameAlgorithm
        self.attributes = attributes
        self.authPolicy = authPolicy
        self.dataSize = dataSize
    }

    /// The index's Name; it changes when the index is first written.
    public var name: Name { Name(of: bytes, nameAlgorithm) }

    /// The marshalled TPMS_NV_PUBLIC.
    public var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.integer(index.rawValue)
            writer.integer(nameAlgorithm.rawValue)
            writer.integer(attributes.rawValue)
            writer.sized(authPolicy)
            writer.integer(dataSize)
        }
    }

    /// The marshalled TPM2B_NV_PUBLIC.
    public var tpm2b: [UInt8] { Writer.bytes { $0.sized(bytes) } }

    /// Parses a TPM2B_NV_PUBLIC with nothing after it.
    public init(tpm2b bytes: [UInt8]) throws(WireError) {
        self = try Reader.parse(bytes) { (reader: inout Reader) throws(WireError) in
            try NVPublic(tpm2b: &reader)
        }
    }

    /// Reads a TPM2B_NV_PUBLIC.
    public init(tpm2b reader: inout Reader) throws(WireError) {
        self = try Reader.parse(try reader.sized(limit: 128)) { (inner: inout Reader) throws(WireError) in
            let index = Handle(try inner.integer())
            let hash = try inner.integer(UInt16.self)
            guard let nameAlgorithm = HashAlgorithm(rawValue: hash) else {
                throw .unexpected("nameAlg", value: UInt32(hash))
            }
            let attributes = NVAttributes(rawValue: try inner.integer())
            let authPolicy = try inner.sized(limit: 64)
            return NVPublic(
                index: index, nameAlgorithm: nameAlgorithm, attributes: attributes, authPolicy: authPolicy,
                dataSize: try inner.integer())
        }
    }
}
