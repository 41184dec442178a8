import TPM
import VaultAPI

/// Where a journal stands: how many lines it has, and a hash over all of them.
///
/// Whoever keeps a head can tell later whether the lines up to it are still the ones that they were.
public struct JournalHead: Hashable, Sendable, CustomStringConvertible {
    /// The last line's number; 0 of an empty journal.
    public let number: Int
    /// 32 bytes.
    public let hash: [UInt8]

    public init(number: Int, hash: [UInt8]) {
        self.number = number
        self.hash = hash
    }

    /// The head of a journal that has no lines.
    public static let empty = JournalHead(number: 0, hash: [UInt8](repeating: 0, count: 32))

    /// The head with one line more: SHA-256(lp("tenpin-1 journal line") || hash before || account's tag || line).
    public func adding(_ line: JournalLine, of account: [UInt8]) -> JournalHead {
        JournalHead(
            number: number &+ 1, hash: HashAlgorithm.sha256.digest(Self.label("line"), hash, account, line.bytes))
    }

    /// What the chip is given to sign together with its count: SHA-256(lp("tenpin-1 journal head") || number in 8 bytes || hash).
    public var qualifyingData: [UInt8] {
        HashAlgorithm.sha256.digest(Self.label("head"), Writer.bytes { $0.integer(UInt64(number)) }, hash)
    }

    private static func label(_ name: String) -> [UInt8] {
        Writer.bytes { $0.sized(Array("tenpin-1 journal \(name)".utf8)) }
    }

    /// `NUMBER:HASH`, as a person keeps it.
    public var description: String { "\(number):\(hash.hexadecimal)" }

    /// Reads `description`.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int(parts[0]), number >= 0, parts[1].utf8.count == 64 else { return nil }
        var hash: [UInt8] = []
        var digits = parts[1][...]
        while !digits.isEmpty {
            guard let byte = UInt8(digits.prefix(2), radix: 16) else { return nil }
            hash.append(byte)
            digits = digits.dropFirst(2)
        }
        self.init(number: number, hash: hash)
        guard description == text.lowercased() else { return nil }
    }
}
