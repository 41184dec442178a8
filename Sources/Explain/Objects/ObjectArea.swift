import TPM

/// The public area of any object, of whatever type and scheme: what an auditor meets. TPM 2.0 Part 2 §12.2.4 (TPMT_PUBLIC).
///
/// `TPM.PublicArea` has only the forms that Tenpin makes; this one keeps the bytes and what they mean for who may use the object.
public struct ObjectArea: Hashable, Sendable {
    /// The marshalled TPMT_PUBLIC.
    public let bytes: [UInt8]
    public let kind: Kind
    /// nameAlg, a TPM_ALG_ID.
    public let nameAlgorithm: UInt16
    public let attributes: ObjectAttributes
    /// Empty, or a digest of nameAlg's size.
    public let authPolicy: [UInt8]
    /// The signing, key exchange or keyed hash scheme, a TPM_ALG_ID; `nil` for TPM_ALG_NULL.
    public let scheme: UInt16?

    /// The object's type.
    public enum Kind: Hashable, Sendable {
        /// The modulus' size in bits.
        case rsa(UInt16)
        /// A TPM_ECC_CURVE.
        case ecc(UInt16)
        case keyedHash
        case symmetric
    }

    /// The hash of Name and policy, where it is one that Tenpin knows; not SHA-1, for one.
    public var hash: HashAlgorithm? { HashAlgorithm(rawValue: nameAlgorithm) }

    /// The object's Name, where its hash is known.
    public var name: Name? {
        hash.flatMap { try? Name(parsing: Writer.bytes { $0.integer(nameAlgorithm) } + $0.digest(bytes)) }
    }

    /// What Tenpin itself makes.
    public init(_ area: PublicArea) throws(WireError) { try self.init(tpmt: area.bytes) }

    /// Parses a TPM2B_PUBLIC with nothing after it.
    public init(tpm2b bytes: [UInt8]) throws(WireError) {
        try self.init(
            tpmt: Reader.parse(bytes) { (reader: inout Reader) throws(WireError) in try reader.sized(limit: 1024) })
    }

    /// Parses a TPMT_PUBLIC with nothing after it.
    public init(tpmt bytes: [UInt8]) throws(WireError) {
        self = try Reader.parse(bytes) { (reader: inout Reader) throws(WireError) in
            try ObjectArea(&reader, bytes)
        }
    }

    private init(_ reader: inout Reader, _ bytes: [UInt8]) throws(WireError) {
        self.bytes = bytes
        let type = try reader.integer(UInt16.self)
        nameAlgorithm = try reader.integer()
        attributes = ObjectAttributes(rawValue: try reader.integer())
        authPolicy = try reader.sized(limit: 64)
        switch type {
        case Algorithm.rsa:
            try Self.cipher(&reader)
            scheme = try Self.scheme(&reader)
            kind = .rsa(try reader.integer())
            _ = try reader.integer(UInt32.self)
            _ = try reader.sized(limit: 512)
        case Algorithm.ecc:
            try Self.cipher(&reader)
            scheme = try Self.scheme(&reader)
            kind = .ecc(try reader.integer())
            _ = try Self.scheme(&reader)
            for _ in 0..<2 { _ = try reader.sized(limit: 128) }
        case Algorithm.keyedHash:
            scheme = try Self.scheme(&reader)
            kind = .keyedHash
            _ = try reader.sized(limit: 64)
        case Algorithm.symmetric:
            scheme = nil
            kind = .symmetric
            try Self.cipher(&reader)
            _ = try reader.sized(limit: 64)
        default:
            throw .unexpected("the object's type", value: UInt32(type))
        }
    }

    /// TPMT_SYM_DEF_OBJECT. Part 2 §11.1.7.
    private static func cipher(_ reader: inout Reader) throws(WireError) {
        guard try reader.integer(UInt16.self) != Algorithm.null else { return }
        _ = try reader.raw(4)
    }

    /// A scheme with its parameters. Part 2 §11.1.20 to §11.2.3.
    private static func scheme(_ reader: inout Reader) throws(WireError) -> UInt16? {
        let scheme = try reader.integer(UInt16.self)
        switch scheme {
        case Algorithm.null: return nil
        case Algorithm.rsaes: break
        case Algorithm.ecdaa, Algorithm.xor: _ = try reader.raw(4)
        default: _ = try reader.raw(2)
        }
        return scheme
    }

    /// TPM_ALG_ID. Part 2 §6.3.
    enum Algorithm {
        static let rsa: UInt16 = 0x0001
        static let hmac: UInt16 = 0x0005
        static let keyedHash: UInt16 = 0x0008
        static let xor: UInt16 = 0x000A
        static let null: UInt16 = 0x0010
        static let rsaes: UInt16 = 0x0015
        static let ecdaa: UInt16 = 0x001A
        static let ecc: UInt16 = 0x0023
        static let symmetric: UInt16 = 0x0025
    }
}

extension ObjectArea {
    /// What kind of object it is, for people.
    public var description: String {
        let use =
            if isParent { "storage key" } else if attributes.contains(.restricted), attributes.contains(.sign) {
                "restricted signing key"
            } else if attributes.isSuperset(of: [.sign, .decrypt]) {
                "key for signing and decrypting"
            } else if attributes.contains(.sign) {
                "signing key"
            } else if attributes.contains(.decrypt) { "decryption key" } else { "object" }
        return switch kind {
        case .rsa(let bits): "RSA \(bits) \(use)"
        case .ecc(let curve): "\(Self.curves[curve] ?? "curve 0x\(String(curve, radix: 16))") \(use)"
        case .keyedHash where attributes.isDisjoint(with: [.sign, .decrypt]): "sealed data"
        case .keyedHash: "keyed hash \(use)"
        case .symmetric: "symmetric \(use)"
        }
    }

    /// Whether other objects lie under it: restricted and for decrypting.
    public var isParent: Bool { attributes.isSuperset(of: [.restricted, .decrypt]) }

    private static let curves: [UInt16: String] = [
        0x0001: "P-192", 0x0002: "P-224", 0x0003: "P-256", 0x0004: "P-384", 0x0005: "P-521", 0x0010: "BN P-256",
        0x0020: "SM2",
    ]
}
