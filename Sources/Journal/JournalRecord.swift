import Crypto
import TPM
import VaultAPI

/// A line as it is kept: in its place, and chained to all before it.
public struct JournalRecord: Hashable, Sendable {
    /// From 1.
    public var number: Int
    public var line: JournalLine
    /// The account's tag, 32 bytes.
    public var account: [UInt8]
    /// `JournalHead.hash` with this line as the last one.
    public var hash: [UInt8]

    public init(number: Int, line: JournalLine, account: [UInt8], hash: [UInt8]) {
        self.number = number
        self.line = line
        self.account = account
        self.hash = hash
    }

    /// The head that this line makes.
    public var head: JournalHead { JournalHead(number: number, hash: hash) }
}

extension JournalLine {
    /// What is hashed of it, 33 bytes: time 8, kind 1, enrollment 16, count 4, ceiling 4.
    public var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.integer(UInt64(bitPattern: time))
            writer.integer(kind.code)
            writer.raw(enrollment.bytes)
            writer.integer(count)
            writer.integer(ceiling)
        }
    }
}

extension JournalKind {
    /// The kind as it is hashed and kept.
    public var code: UInt8 {
        switch self {
        case .found: 1
        case .armed: 2
        case .live: 3
        case .guess: 4
        case .refused: 5
        case .cutOff: 6
        case .open: 7
        case .refund: 8
        case .grant: 9
        case .replaced: 10
        case .removed: 11
        }
    }

    /// The kind with this code, if there is one.
    public init?(code: UInt8) {
        guard let kind = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = kind
    }
}

/// What stands in the journal for an account: HMAC-SHA-256 of its id under a salt of its own.
///
/// Lines cannot be taken out of a chain when a person has the account forgotten. The salt can: without it the tag names
/// nobody, not even to who tries all names.
public enum AccountTag {
    /// The tag, 32 bytes, under a salt of 32.
    public static func tag(of account: Account, salt: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(account.id.utf8), using: SymmetricKey(data: salt)))
    }
}
