/// The public area of an object, in the forms that Tenpin makes or meets. TPM 2.0 Part 2 §12.2.4 (TPMT_PUBLIC).
public struct PublicArea: Hashable, Sendable {
    public var nameAlgorithm: HashAlgorithm
    public var attributes: ObjectAttributes
    /// Empty, or a digest of `nameAlgorithm`'s size.
    public var authPolicy: [UInt8]
    public var body: Body

    /// What depends on the object's type.
    public enum Body: Hashable, Sendable {
        /// TPMS_ECC_PARMS and the point; a template has an empty one.
        case ecc(curve: Curve, symmetric: AES?, scheme: ECCScheme, x: [UInt8], y: [UInt8])
        /// TPMS_RSA_PARMS with a null scheme, and the modulus; an exponent of 0 stands for 65537.
        case rsa(bits: UInt16, symmetric: AES?, exponent: UInt32, modulus: [UInt8])
        /// TPMS_KEYEDHASH_PARMS with a null scheme, and the digest that binds the sealed data.
        case sealed(unique: [UInt8])
    }

    /// AES in CFB mode, the symmetric protection of a storage key; the key's size in bits.
    public enum AES: UInt16, Hashable, Sendable {
        case aes128 = 128
        case aes256 = 256
    }

    /// TPM_ECC_CURVE. TPM 2.0 Part 2 §6.4.
    public enum Curve: UInt16, Hashable, Sendable {
        case p256 = 0x0003
        case p384 = 0x0004

        /// A coordinate's size in bytes.
        public var coordinateSize: Int { self == .p256 ? 32 : 48 }
    }

    /// TPMT_ECC_SCHEME, the ones that occur here.
    public enum ECCScheme: Hashable, Sendable {
        case null
        case ecdh(HashAlgorithm)
        case ecdsa(HashAlgorithm)
    }

    public init(nameAlgorithm: HashAlgorithm, attributes: ObjectAttributes, authPolicy: [UInt8], body: Body) {
        self.nameAlgorithm = nameAlgorithm
        self.attributes = attributes
        self.authPolicy = authPolicy
        self.body = body
    }

    /// The object's Name.
    public var name: Name { Name(of: bytes, nameAlgorithm) }

    /// The P-256 point of an ECC key.
    public var point: P256Point? {
        guard case .ecc(.p256, _, _, let x, let y) = body else { return nil }
        return try? P256Point(x: x.padded(to: 32), y: y.padded(to: 32))
    }

    /// The same area with an empty unique field: what the object was made from.
    public var template: PublicArea {
        var copy = self
        switch body {
        case .ecc(let curve, let symmetric, let scheme, _, _):
            copy.body = .ecc(curve: curve, symmetric: symmetric, scheme: scheme, x: [], y: [])
        case .rsa(let bits, let symmetric, let exponent, _):
            copy.body = .rsa(bits: bits, symmetric: symmetric, exponent: exponent, modulus: [])
        case .sealed:
            copy.body = .sealed(unique: [])
        }
        return copy
    }
}

private enum Algorithm {
    static let rsa: UInt16 = 0x0001
    static let aes: UInt16 = 0x0006
    static let keyedHash: UInt16 = 0x0008
    static let null: UInt16 = 0x0010
    static let ecdsa: UInt16 = 0x0018
    static let ecdh: UInt16 = 0x0019
    static let ecc: UInt16 = 0x0023
    static let cfb: UInt16 = 0x0043
}

extension PublicArea {
    /// The marshalled TPMT_PUBLIC.
    public var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.integer(typeIdentifier)
            writer.integer(nameAlgorithm.rawValue)
            writer.integer(attributes.rawValue)
            writer.sized(authPolicy)
            switch body {
            case .ecc(let curve, let symmetric, let scheme, let x, let y):
                Self.write(symmetric, to: &writer)
                switch scheme {
                case .null:
                    writer.integer(Algorithm.null)
                case .ecdh(let hash):
                    writer.integer(Algorithm.ecdh)
                    writer.integer(hash.rawValue)
                case .ecdsa(let hash):
                    writer.integer(Algorithm.ecdsa)
                    writer.integer(hash.rawValue)
                }
                writer.integer(curve.rawValue)
                writer.integer(Algorithm.null)
                writer.sized(x)
                writer.sized(y)
            case .rsa(let bits, let symmetric, let exponent, let modulus):
                Self.write(symmetric, to: &writer)
                writer.integer(Algorithm.null)
                writer.integer(bits)
                writer.integer(exponent)
                writer.sized(modulus)
            case .sealed(let unique):
                writer.integer(Algorithm.null)
                writer.sized(unique)
            }
        }
    }

    /// The marshalled TPM2B_PUBLIC.
    public var tpm2b: [UInt8] { Writer.bytes { $0.sized(bytes) } }

    /// Parses a TPM2B_PUBLIC with nothing after it.
    public init(tpm2b bytes: [UInt8]) throws(WireError) {
        self = try Reader.parse(bytes) { (reader: inout Reader) throws(WireError) in
            try PublicArea(tpm2b: &reader)
        }
    }

    /// Reads a TPM2B_PUBLIC of at most 1024 bytes.
    public init(tpm2b reader: inout Reader) throws(WireError) {
        self = try Reader.parse(try reader.sized(limit: 1024)) { (inner: inout Reader) throws(WireError) in
            try PublicArea(&inner)
        }
    }

    /// Reads a TPMT_PUBLIC.
    init(_ reader: inout Reader) throws(WireError) {
        let type = try reader.integer(UInt16.self)
        let hash = try reader.integer(UInt16.self)
        guard let nameAlgorithm = HashAlgorithm(rawValue: hash) else {
            throw .unexpected("nameAlg", value: UInt32(hash))
        }
        let attributes = ObjectAttributes(rawValue: try reader.integer())
        let authPolicy = try reader.sized(limit: 64)
        let body: Body
        switch type {
        case Algorithm.ecc:
            let symmetric = try Self.symmetric(&reader)
            let scheme = try Self.eccScheme(&reader)
            let curveID = try reader.integer(UInt16.self)
            guard let curve = Curve(rawValue: curveID) else {
                throw .unexpected("the curve", value: UInt32(curveID))
            }
            try Self.null("the key derivation scheme", &reader)
            let x = try reader.sized(limit: curve.coordinateSize)
            let y = try reader.sized(limit: curve.coordinateSize)
            body = .ecc(curve: curve, symmetric: symmetric, scheme: scheme, x: x, y: y)
        case Algorithm.rsa:
            let symmetric = try Self.symmetric(&reader)
            try Self.null("the RSA scheme", &reader)
            let bits = try reader.integer(UInt16.self)
            let exponent = try reader.integer(UInt32.self)
            body = .rsa(bits: bits, symmetric: symmetric, exponent: exponent, modulus: try reader.sized(limit: 512))
        case Algorithm.keyedHash:
            try Self.null("the keyed hash scheme", &reader)
            body = .sealed(unique: try reader.sized(limit: 64))
        default:
            throw .unexpected("the object's type", value: UInt32(type))
        }
        self.init(nameAlgorithm: nameAlgorithm, attributes: attributes, authPolicy: authPolicy, body: body)
    }

    private var typeIdentifier: UInt16 {
        switch body {
        case .ecc: Algorithm.ecc
        case .rsa: Algorithm.rsa
        case .sealed: Algorithm.keyedHash
        }
    }

    private static func write(_ symmetric: AES?, to writer: inout Writer) {
        guard let symmetric else { return writer.integer(Algorithm.null) }
        writer.integer(Algorithm.aes)
        writer.integer(symmetric.rawValue)
        writer.integer(Algorithm.cfb)
    }

    private static func symmetric(_ reader: inout Reader) throws(WireError) -> AES? {
        let algorithm = try reader.integer(UInt16.self)
        if algorithm == Algorithm.null { return nil }
        guard algorithm == Algorithm.aes else { throw .unexpected("the symmetric cipher", value: UInt32(algorithm)) }
        let bits = try reader.integer(UInt16.self)
        guard let aes = AES(rawValue: bits) else { throw .unexpected("the AES key size", value: UInt32(bits)) }
        let mode = try reader.integer(UInt16.self)
        guard mode == Algorithm.cfb else { throw .unexpected("the cipher's mode", value: UInt32(mode)) }
        return aes
    }

    private static func eccScheme(_ reader: inout Reader) throws(WireError) -> ECCScheme {
        let scheme = try reader.integer(UInt16.self)
        if scheme == Algorithm.null { return .null }
        guard scheme == Algorithm.ecdh || scheme == Algorithm.ecdsa else {
            throw .unexpected("the ECC scheme", value: UInt32(scheme))
        }
        let hash = try reader.integer(UInt16.self)
        guard let algorithm = HashAlgorithm(rawValue: hash) else {
            throw .unexpected("the scheme's hash", value: UInt32(hash))
        }
        return scheme == Algorithm.ecdh ? .ecdh(algorithm) : .ecdsa(algorithm)
    }

    private static func null(_ what: String, _ reader: inout Reader) throws(WireError) {
        let value = try reader.integer(UInt16.self)
        guard value == Algorithm.null else { throw .unexpected(what, value: UInt32(value)) }
    }
}
