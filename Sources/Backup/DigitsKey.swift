import Secrets

/// 32 random bytes that a person keeps on paper as 64 hexadecimal digits, and that open a backup without any vault.
///
/// They are *not* the backup key: they open a stanza that holds it, so a new generation takes their power away.
public struct DigitsKey: ~Copyable, Sendable {
    /// The number of digits.
    public static let digits = 64
    /// The 32 bytes that the digits stand for.
    public let secret: SecretBytes

    /// New random digits.
    public init() { secret = SecretBytes(random: Self.digits / 2) }

    /// The digits that stand for these bytes; `nil` if there are not 32 of them.
    public init?(_ secret: consuming SecretBytes) {
        guard secret.count == Self.digits / 2 else { return nil }
        self.secret = secret
    }

    /// Reads what a person typed, as ASCII or UTF-8. Spaces, dashes, line ends and the case of letters do not matter.
    public init(parsing text: borrowing SecretBytes) throws(DigitsKeyError) {
        let count = try text.withBytes { (text: Span<UInt8>) throws(DigitsKeyError) in try Self.countDigits(text) }
        guard count >= Self.digits else { throw .missing(Self.digits - count) }
        guard count <= Self.digits else { throw .tooMany(count - Self.digits) }
        secret = SecretBytes(count: Self.digits / 2) { (bytes: inout MutableSpan<UInt8>) in
            text.withBytes { (text: Span<UInt8>) in
                var next = 0
                for index in text.indices {
                    guard let value = Self.value(of: text[index]) else { continue }
                    bytes[next / 2] = bytes[next / 2] << 4 | value
                    next += 1
                }
            }
        }
    }

    /// How the digits are laid out for a person.
    public enum Layout: Sendable {
        /// Four lines of four groups.
        case lines
        /// One line of sixteen groups.
        case line
    }

    /// The digits as ASCII in groups of four, with spaces between groups and no line end after the last.
    public func formatted(_ layout: Layout = .lines) -> SecretBytes {
        SecretBytes(count: Self.digits + Self.digits / 4 - 1) { (text: inout MutableSpan<UInt8>) in
            secret.withBytes { (bytes: Span<UInt8>) in
                for digit in 0..<Self.digits {
                    let group = digit / 4
                    let value = digit.isMultiple(of: 2) ? bytes[digit / 2] >> 4 : bytes[digit / 2] & 15
                    text[digit + group] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                    if digit % 4 == 3, digit + 1 < Self.digits {
                        let ends = layout == .lines && group % 4 == 3
                        text[digit + group + 1] = UInt8(ascii: ends ? "\n" : " ")
                    }
                }
            }
        }
    }

    private static func countDigits(_ text: Span<UInt8>) throws(DigitsKeyError) -> Int {
        var count = 0
        for index in text.indices {
            if value(of: text[index]) != nil {
                count += 1
            } else if !isSeparator(text[index]) {
                throw .notHexadecimal(character(in: text, at: index), afterDigits: count)
            }
        }
        return count
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func isSeparator(_ character: UInt8) -> Bool {
        character == UInt8(ascii: " ") || character == UInt8(ascii: "-") || (9...13).contains(character)
    }

    private static func character(in text: Span<UInt8>, at index: Int) -> Character {
        let bytes = (index..<min(index + 4, text.count)).map { text[$0] }
        return String(decoding: bytes, as: UTF8.self).first ?? "?"
    }
}

/// Why typed digits are not a key. It spends no guess.
public enum DigitsKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// So many digits are missing.
    case missing(Int)
    /// There are so many digits too many.
    case tooMany(Int)
    /// The first character that is no digit, and how many digits stand before it.
    case notHexadecimal(Character, afterDigits: Int)

    public var description: String {
        switch self {
        case .missing(let count):
            "\(count) of the 64 digits \(count == 1 ? "is" : "are") missing; compare with your note, group by group."
        case .tooMany(let count):
            "There \(count == 1 ? "is 1 digit" : "are \(count) digits") too many; compare with your note, group by group."
        case .notHexadecimal(let character, let digits):
            "“\(printable(Array(String(character).utf8)))” after digit \(digits) is none of 0 to 9 and a to f; "
                + "look at group \(digits / 4 + 1) of your note."
        }
    }
}
