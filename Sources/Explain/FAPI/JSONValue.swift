import Foundation

/// Any JSON, as FAPI's files have it: with a comma behind the last element, which json-c takes.
indirect enum JSONValue: Codable, Hashable {
    case null
    case bool(Bool)
    case number(Int64)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The largest file that is read, in bytes.
    static let limit = 1 << 20

    /// Parses one JSON text; Foundation stops at 512 levels.
    static func read(_ bytes: [UInt8]) throws(ExplainError) -> JSONValue {
        guard bytes.count <= limit else { throw .json("the file", "it is larger than a policy ever is") }
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        guard let value = try? decoder.decode(JSONValue.self, from: Data(bytes)) else {
            throw .json("the file", "it is no JSON")
        }
        return value
    }

    /// The text, keys in order of the alphabet.
    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self =
            if container.decodeNil() { .null } else if let value = try? container.decode(Bool.self) {
                .bool(value)
            } else if let value = try? container.decode(Int64.self) {
                .number(value)
            } else if let value = try? container.decode(String.self) {
                .string(value)
            } else if let value = try? container.decode([JSONValue].self) {
                .array(value)
            } else {
                .object(try container.decode([String: JSONValue].self))
            }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    var string: String? { if case .string(let value) = self { value } else { nil } }
    var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

    /// A number, or its digits in a string, hexadecimal behind `0x`.
    var integer: Int64? {
        switch self {
        case .number(let value): value
        case .string(let text) where text.hasPrefix("0x"): Int64(text.dropFirst(2), radix: 16)
        case .string(let text): Int64(text)
        default: nil
        }
    }

    /// A field, whose name may be in small letters.
    subscript(_ key: String) -> JSONValue? {
        guard case .object(let fields) = self else { return nil }
        return fields[key] ?? fields[key.lowercased()]
    }
}
