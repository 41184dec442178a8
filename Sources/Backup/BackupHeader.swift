import Secrets

/// What a backup file says of itself before any key is at hand. Nothing of it is proven until `check(_:)`.
///
///     magic 8 | version 2 | size of the whole header 2 | key id 32 | generation 4 | file id 32
///     | content 1 | number of stanzas 1 | stanzas: type 2, size 2, body | HMAC-SHA256 of all before it 32
///
/// Integers are big-endian.
public struct BackupHeader: Sendable {
    /// What the chunks hold.
    public enum Content: UInt8, Sendable {
        /// One stream of bytes, as it was.
        case stream = 1
        /// A tar archive (POSIX pax) of a folder or a file.
        case archive = 2
    }

    /// The most bytes in a header.
    public static let maximumSize = 8192
    static let magic = Array("TENPIN\r\n".utf8)
    static let version: UInt16 = 1
    static let prefixSize = 12
    static let fileIDSize = 32
    static let minimumSize = prefixSize + BackupKeyID.size + 4 + fileIDSize + 2 + HMACSHA256.size

    /// Which key opens the file.
    public let keyID: BackupKeyID
    /// The generation of that key: it rises with every new key of a person.
    public let generation: UInt32
    public let content: Content
    /// The ways to the key, in the file's order.
    public let stanzas: [Stanza]
    let fileID: [UInt8]
    private let authenticated: [UInt8]
    let tag: [UInt8]

    var encoded: [UInt8] { authenticated + tag }

    /// A header for a new file, with a random file id.
    init(
        content: Content, key: borrowing BackupKey, generation: UInt32, stanzas: [Stanza]
    ) throws(BackupError) {
        self.content = content
        self.generation = generation
        self.stanzas = stanzas
        keyID = key.id
        fileID = SecretBytes(random: Self.fileIDSize).withBytes { (bytes: Span<UInt8>) in
            bytes.indices.map { bytes[$0] }
        }
        let bodies = stanzas.map(\.body)
        let size = bodies.reduce(Self.minimumSize) { $0 + 4 + $1.count }
        guard size <= Self.maximumSize, stanzas.count <= 255, bodies.allSatisfy({ $0.count <= Stanza.maximumBody })
        else { throw .headerTooLarge }

        var bytes = Self.magic + bigEndian(Self.version) + bigEndian(UInt16(size))
        bytes += keyID.bytes + bigEndian(generation) + fileID + [content.rawValue, UInt8(stanzas.count)]
        for (stanza, body) in zip(stanzas, bodies) {
            bytes += bigEndian(stanza.type) + bigEndian(UInt16(body.count)) + body
        }
        authenticated = bytes
        tag = HMACSHA256.tag(of: bytes, key: key.headerKey)
    }

    /// Reads a header and not a byte more. A hostile one costs at most 8192 bytes of memory.
    init(from input: borrowing Descriptor) throws(BackupError) {
        let prefix = try input.read(upTo: Self.prefixSize)
        guard prefix.starts(with: Self.magic) else { throw .notABackup }
        guard prefix.count == Self.prefixSize else { throw .truncated }
        let version = UInt16(prefix[8]) << 8 | UInt16(prefix[9])
        guard version == Self.version else { throw .unsupportedVersion(version) }
        let size = Int(prefix[10]) << 8 | Int(prefix[11])
        guard (Self.minimumSize...Self.maximumSize).contains(size) else { throw .damaged(.header) }
        let rest = try input.read(upTo: size - Self.prefixSize)
        guard rest.count == size - Self.prefixSize else { throw .truncated }

        tag = Array(rest.suffix(HMACSHA256.size))
        let body = rest.dropLast(HMACSHA256.size)
        authenticated = prefix + body
        var fields = Fields(body)
        keyID = BackupKeyID(checked: try fields.bytes(BackupKeyID.size))
        generation = try fields.integer()
        fileID = try fields.bytes(Self.fileIDSize)
        guard let content = Content(rawValue: try fields.integer()) else { throw .damaged(.header) }
        self.content = content
        let count: UInt8 = try fields.integer()
        var stanzas: [Stanza] = []
        for _ in 0..<count {
            let type: UInt16 = try fields.integer()
            let bodySize: UInt16 = try fields.integer()
            guard bodySize <= Stanza.maximumBody,
                let stanza = Stanza(type: type, body: try fields.bytes(Int(bodySize)))
            else { throw .damaged(.header) }
            stanzas.append(stanza)
        }
        guard fields.isAtEnd else { throw .damaged(.header) }
        self.stanzas = stanzas
    }

    /// Whether `key` opens this file and the header is as it was written: the key id first, then the MAC.
    public func check(_ key: borrowing BackupKey) throws(BackupError) {
        guard key.id == keyID else { throw .wrongKey }
        guard HMACSHA256.isValid(tag, of: authenticated, key: key.headerKey) else { throw .damaged(.header) }
    }

    /// The backup key that 64 digits open. No vault takes part.
    public func open(with digits: borrowing DigitsKey) throws(BackupError) -> BackupKey {
        for case .digits(let stanza) in stanzas {
            if let key = stanza.open(with: digits, id: keyID) { return key }
        }
        throw .wrongKey
    }
}

private func bigEndian(_ value: some FixedWidthInteger & UnsignedInteger) -> [UInt8] {
    stride(from: value.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
}

/// The fields of a header, one after the other, never past its end.
private struct Fields {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func bytes(_ count: Int) throws(BackupError) -> [UInt8] {
        guard rest.count >= count else { throw .damaged(.header) }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func integer<I: FixedWidthInteger & UnsignedInteger>() throws(BackupError) -> I {
        try bytes(I.bitWidth / 8).reduce(0) { $0 << 8 | I($1) }
    }
}
