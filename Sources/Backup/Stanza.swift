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
        case .vault(let stanza): stanza.confirmation == nil ? 1 : 3
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
            guard let stanza = VaultStanza(encoded: body, withConfirmation: false) else { return nil }
            self = .vault(stanza)
        case 3:
            guard let stanza = VaultStanza(encoded: body, withConfirmation: true) else { return nil }
            self = .vault(stanza)
        case 2:
            guard body.count == DigitsStanza.size else { return nil }
            self = .digits(DigitsStanza(wrapped: body))
        default:
            self = .unknown(type: type, body: body)
        }
    }
}

/// A hint where the vault keeps this backup's key. It pins recipe and confirmation, so that an impostor's are refused unasked.
///
/// The recipe alone would not do. The attack: 1. an impostor relays the vault's recipe and chip, and serves a confirmation of its
/// own, made from one guess and an evaluation key of its own; 2. it evaluates with that key; 3. the device goes on if, and
/// only if, the guess is what the person typed.
public struct VaultStanza: Hashable, Sendable {
    /// The account at the vault: 1 to 255 bytes of UTF-8.
    public let account: String
    /// 16 bytes.
    public let enrollmentID: [UInt8]
    /// SHA-256 of the recipe: 32 bytes.
    public let recipeHash: [UInt8]
    /// The enrollment's confirmation: 32 bytes. Not where the device that wrote the backup did not know it.
    public let confirmation: [UInt8]?

    /// `nil` if a value does not have its size.
    public init?(account: String, enrollmentID: [UInt8], recipeHash: [UInt8], confirmation: [UInt8]?) {
        guard (1...255).contains(account.utf8.count), enrollmentID.count == 16, recipeHash.count == 32,
            confirmation.map({ $0.count == 32 }) ?? true
        else { return nil }
        self.account = account
        self.enrollmentID = enrollmentID
        self.recipeHash = recipeHash
        self.confirmation = confirmation
    }

    /// Enrollment id (16) || recipe hash (32) || confirmation (32, in stanzas of type 3) || account.
    var encoded: [UInt8] { enrollmentID + recipeHash + (confirmation ?? []) + Array(account.utf8) }

    init?(encoded: [UInt8], withConfirmation: Bool) {
        let start = withConfirmation ? 80 : 48
        guard encoded.count > start, let account = String(validating: encoded[start...], as: UTF8.self) else {
            return nil
        }
        self.init(
            account: account, enrollmentID: Array(encoded[..<16]), recipeHash: Array(encoded[16..<48]),
            confirmation: withConfirmation ? Array(encoded[48..<80]) : nil)
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
