import Secrets

/// The random key of 32 bytes that alone encrypts a backup.
public struct BackupKey: ~Copyable, Sendable {
    /// The key's size in bytes.
    public static let size = 32
    /// The key itself.
    public let secret: SecretBytes

    /// A new random key.
    public init() { secret = SecretBytes(random: Self.size) }

    /// Takes over a key from elsewhere; `nil` if it does not have 32 bytes.
    public init?(_ secret: consuming SecretBytes) {
        guard secret.count == Self.size else { return nil }
        self.secret = secret
    }

    /// The public name of this key. A collision-resistant hash: no two keys share one, so a file that names it opens
    /// with this key or with none.
    public var id: BackupKeyID {
        HKDF.derive(from: secret, info: Array("tenpin-1 key id".utf8)).withBytes { (bytes: Span<UInt8>) in
            BackupKeyID(checked: bytes.indices.map { bytes[$0] })
        }
    }

    /// The key of the MAC over headers.
    var headerKey: SecretBytes { HKDF.derive(from: secret, info: Array("tenpin-1 backup header".utf8)) }

    /// The key of one file's chunks.
    func fileKey(for fileID: [UInt8]) -> SecretBytes {
        HKDF.derive(from: secret, salt: fileID, info: Array("tenpin-1 backup file".utf8))
    }
}

/// HKDF(backup key, "key id"): 32 bytes, public.
public struct BackupKeyID: Hashable, Sendable, CustomStringConvertible {
    /// The size in bytes.
    public static let size = 32
    public let bytes: [UInt8]

    /// `nil` if there are not 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = bytes
    }

    init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// 64 hexadecimal digits.
    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
