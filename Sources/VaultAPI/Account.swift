/// The stable, opaque id under which a person's key is kept: 1 to 128 bytes of UTF-8 without control characters. Two
/// are the same when their bytes are.
public struct Account: Hashable, Sendable, Codable, CustomStringConvertible {
    public let id: String

    /// The largest size in bytes.
    public static let maximumSize = 128

    /// Refuses ids that are empty, too long, or hold control characters.
    public init(_ id: String) throws(AccountError) {
        guard !id.isEmpty else { throw .empty }
        guard id.utf8.count <= Self.maximumSize else { throw .tooLong(id.utf8.count) }
        guard !id.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw .controlCharacter
        }
        self.id = id
    }

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        do {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "\(error)"))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(id)
    }

    public var description: String { id }

    // 1. "José" with é as one scalar or as two is the same Swift string, and two accounts in the store; 2. somebody is
    // vouched for as the second and names the first one's enrollment; 3. they spend its guesses. So bytes are compared.
    public static func == (a: Account, b: Account) -> Bool { a.id.utf8.elementsEqual(b.id.utf8) }

    public func hash(into hasher: inout Hasher) {
        for byte in id.utf8 { hasher.combine(byte) }
    }
}

/// What is wrong with an account's id.
public enum AccountError: Error, Equatable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(Int)
    case controlCharacter

    public var description: String {
        switch self {
        case .empty: "The account's name is empty; give one of 1 to 128 bytes. No guess was spent."
        case .tooLong(let size):
            "The account's name has \(size) bytes; give one of at most \(Account.maximumSize). No guess was spent."
        case .controlCharacter: "The account's name holds a control character; leave it out. No guess was spent."
        }
    }
}

/// One enrollment: 16 random bytes that the device makes fresh for each attempt.
public struct EnrollmentID: Hashable, Sendable, Codable, CustomStringConvertible {
    public let bytes: [UInt8]

    /// Takes exactly 16 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    public init(from decoder: any Decoder) throws {
        guard let id = Self(try Bytes(from: decoder).bytes) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "an enrollment's id has 16 bytes"))
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws { try Bytes(bytes).encode(to: encoder) }

    /// Lower-case hexadecimal digits.
    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
