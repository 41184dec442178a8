import Secrets

/// One way to the backup key, named in a backup's header. Removing one means a new generation.
///
/// There is no stanza for a password, and never will be. The attack: 1. somebody copies the file; 2. a stanza that opens
/// with a password tells every guess right or wrong, and nobody counts.
public enum Stanza: Hashable, Sendable {
    /// A vault keeps the key.
    case vault(VaultStanza)
    /// 64 digits open the key.
    case digits(DigitsStanza)
    /// A way that this version does not know; kept, and skipped.
    case unknown(type: UInt16, body: [UInt8])

    /// The most bytes in the body of one stanza.
    public static let maximumBody = 1024

    var type: UInt16 {
        switch self {
        case .vault: 1
        case .digits: 2
        case .unknown(let type, _): type
        }
    }

    var body: [UInt8] {
        switch self {
        case .vault(let stanza): stanza.encoded
        case .digits(let stanza): stanza.wrapped
        case .unknown(_, let body): body
        }
    }

    /// `nil` for a known type whose body is malformed.
    init?(type: UInt16, body: [UInt8]) {
        switch type {
        case 1:
            guard let stanza = VaultStanza(encoded: body) else { return nil }
            self = .vault(stanza)
        case 2:
            guard body.count == DigitsStanza.size else { return nil }
            self = .digits(DigitsStanza(wrapped: body))
        default:
            self = .unknown(type: type, body: body)
        }
    }
}

/// A hint where the vault keeps this backup's key. It pins the recipe, so that an impostor's is refused unasked.
public struct VaultStanza: Hashable, Sendable {
    /// The account at the vault: 1 to 255 bytes of UTF-8.
    public let account: String
    /// 16 bytes.
    public let enrollmentID: [UInt8]
    /// SHA-256 of the recipe: 32 bytes.
    public let recipeHash: [UInt8]

    /// `nil` if a value does not have its size.
    public init?(account: String, enrollmentID: [UInt8], recipeHash: [UInt8]) {
        guard (1...255).contains(account.utf8.count), enrollmentID.count == 16, recipeHash.count == 32 else {
            return nil
        }
        self.account = account
        self.enrollmentID = enrollmentID
        self.recipeHash = recipeHash
    }

    /// Enrollment id (16) || recipe hash (32) || account.
    var encoded: [UInt8] { enrollmentID + recipeHash + Array(account.utf8) }

    init?(encoded: [UInt8]) {
        guard encoded.count > 48, let account = String(validating: encoded[48...], as: UTF8.self) else { return nil }
        self.init(account: account, enrollmentID: Array(encoded[..<16]), recipeHash: Array(encoded[16..<48]))
    }
}

/// The backup key under a key derived from the digits: nonce (24) || ciphertext (32) || tag (16).
public struct DigitsStanza: Hashable, Sendable {
    static let size = BackupKey.size + AEAD.overhead
    let wrapped: [UInt8]

    init(wrapped: [UInt8]) { self.wrapped = wrapped }

    /// Wraps `key` so that `digits` open it.
    public init(wrapping key: borrowing BackupKey, under digits: borrowing DigitsKey) {
        wrapped = AEAD.seal(
            key.secret, key: Self.wrappingKey(digits), associatedData: Self.associatedData(key.id))
    }

    /// The backup key, if `digits` open it and it is the one named `id`; else `nil`.
    func open(with digits: borrowing DigitsKey, id: BackupKeyID) -> BackupKey? {
        let secret: SecretBytes
        do throws(AEADError) {
            secret = try AEAD.open(
                wrapped, key: Self.wrappingKey(digits), associatedData: Self.associatedData(id))
        } catch {
            return nil
        }
        guard let key = BackupKey(secret), key.id == id else { return nil }
        return key
    }

    private static func wrappingKey(_ digits: borrowing DigitsKey) -> SecretBytes {
        HKDF.derive(from: digits.secret, info: Array("tenpin-1 digits".utf8))
    }

    private static func associatedData(_ id: BackupKeyID) -> [UInt8] { Array("tenpin-1 digits".utf8) + id.bytes }
}
