import Foundation

/// A message as it stands on the socket, so that any field of any message can be looked at and altered.
package indirect enum JSONValue: Codable, Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Int64)
    case text(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package init(_ value: some Encodable) throws {
        self = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
    }

    package func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: JSONEncoder().encode(self))
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The way to a field: names, and numbers in lists.
    package typealias Path = [String]

    /// The ways to everything that holds no further value, sorted.
    package var leaves: [Path] {
        switch self {
        case .object(let fields):
            fields.sorted { $0.key < $1.key }.flatMap { name, value in value.leaves.map { [name] + $0 } }
        case .array(let items):
            items.enumerated().flatMap { index, value in value.leaves.map { ["\(index)"] + $0 } }
        default: [[]]
        }
    }

    package subscript(path: Path) -> JSONValue? {
        guard let first = path.first else { return self }
        let rest = Array(path.dropFirst())
        switch self {
        case .object(let fields): return fields[first]?[rest]
        case .array(let items):
            guard let index = Int(first), items.indices.contains(index) else { return nil }
            return items[index][rest]
        default: return nil
        }
    }

    package subscript(path: String...) -> JSONValue? { self[path] }

    /// The same with another value at `path`.
    package func setting(_ path: Path, to value: JSONValue) -> JSONValue {
        guard let first = path.first else { return value }
        let rest = Array(path.dropFirst())
        switch self {
        case .object(var fields):
            fields[first] = (fields[first] ?? .null).setting(rest, to: value)
            return .object(fields)
        case .array(var items):
            if let index = Int(first) { items[index] = items[index].setting(rest, to: value) }
            return .array(items)
        default: return self
        }
    }

    /// The same without the fields of these names, at any depth.
    package func without(_ names: Set<String>) -> JSONValue {
        switch self {
        case .object(let fields):
            .object(fields.filter { !names.contains($0.key) }.mapValues { $0.without(names) })
        case .array(let items): .array(items.map { $0.without(names) })
        default: self
        }
    }

    /// The bytes of a base64 string.
    package var bytes: [UInt8]? {
        guard case .text(let text) = self, let data = Data(base64Encoded: text) else { return nil }
        return Array(data)
    }

    package var string: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    package static func bytes(_ bytes: [UInt8]) -> JSONValue { .text(Data(bytes).base64EncodedString()) }

    /// The least alteration of a single value: a bit of a middle byte, a number one higher, a truth turned round.
    package var altered: JSONValue {
        switch self {
        case .null: .null
        case .bool(let value): .bool(!value)
        case .number(let value): .number(value + 1)
        case .text(let text):
            if var bytes, !bytes.isEmpty {
                { () -> JSONValue in
                    bytes[bytes.count / 2] ^= 0x10
                    return .bytes(bytes)
                }()
            } else {
                .text(text.isEmpty ? "AA==" : text + "x")
            }
        case .array, .object: self
        }
    }
}
