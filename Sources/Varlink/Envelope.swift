import Foundation

/// Why a message is not a call or not a reply; it says nothing of the message's contents.
enum EnvelopeError: Error, CustomStringConvertible {
    case json(StrictJSONError)
    /// The member of this name is missing or has another type than Varlink says.
    case member(StaticString)
    /// A call with more than one of `oneway`, `more` and `upgrade`.
    case contradiction

    var description: String {
        switch self {
        case .json(let error): error.description
        case .member(let name): "Send `\(name)` as Varlink defines it; it is missing or of another type."
        case .contradiction: "Send at most one of `oneway`, `more` and `upgrade`."
        }
    }
}

/// The members of a message, each read as the type that Varlink gives it (varlink.org, Method Call).
///
/// Values are cut out of the checked text and not written again, so that numbers keep their digits. Members that Varlink
/// does not define are ignored, as it says; `null` is the same as an absent member.
private struct Envelope {
    private let text: [UInt8]
    private var values: [String: ArraySlice<UInt8>] = [:]

    init(_ text: [UInt8], depth: Int) throws(EnvelopeError) {
        self.text = text
        let members: [StrictJSON.Member]
        do throws(StrictJSONError) {
            members = try StrictJSON.members(of: text, depth: depth)
        } catch {
            throw .json(error)
        }
        for member in members where text[member.value.lowerBound] != UInt8(ascii: "n") {
            values[member.name] = text[member.value]
        }
    }

    func string(_ name: StaticString) throws(EnvelopeError) -> String? {
        guard let value = values[name.description] else { return nil }
        guard let string = StrictJSON.string(value) else { throw .member(name) }
        return string
    }

    func flag(_ name: StaticString) throws(EnvelopeError) -> Bool {
        switch values[name.description]?.first {
        case nil, UInt8(ascii: "f"): return false
        case UInt8(ascii: "t"): return true
        default: throw .member(name)
        }
    }

    func object(_ name: StaticString) throws(EnvelopeError) -> Data {
        guard let value = values[name.description] else { return Data("{}".utf8) }
        guard value.first == UInt8(ascii: "{") else { throw .member(name) }
        return Data(value)
    }
}

/// A call as it arrived: the type of each member checked, and nothing else.
struct CallEnvelope {
    let method: String
    let parameters: Data
    let oneway: Bool
    let more: Bool
    let upgrade: Bool

    init(_ message: [UInt8], depth: Int) throws(EnvelopeError) {
        let envelope = try Envelope(message, depth: depth)
        guard let method = try envelope.string("method") else { throw .member("method") }
        self.method = method
        parameters = try envelope.object("parameters")
        oneway = try envelope.flag("oneway")
        more = try envelope.flag("more")
        upgrade = try envelope.flag("upgrade")
        guard [oneway, more, upgrade].count(where: { $0 }) <= 1 else { throw .contradiction }
    }
}

/// A reply as it arrived; `error` is set if the call failed.
struct ReplyEnvelope {
    let error: String?
    let parameters: Data

    init(_ message: [UInt8], depth: Int) throws(EnvelopeError) {
        let envelope = try Envelope(message, depth: depth)
        error = try envelope.string("error")
        parameters = try envelope.object("parameters")
        // `more` is never asked for, so a reply that announces another one answers something else.
        guard try !envelope.flag("continues") else { throw .member("continues") }
    }
}

/// JSON texts that this module writes.
enum JSONText {
    /// A message of `beginning`, `parameters` and a closing brace, with its NUL; `nil` if it would be too large or
    /// `parameters` are not one strict JSON object.
    ///
    /// The attack: 1. a caller stores a value that some handler writes out unescaped; 2. the message ends early, and the
    /// rest reads as the next one. So what leaves is checked like what comes in.
    static func message(_ beginning: String, _ parameters: Data, limits: VarlinkLimits) -> [UInt8]? {
        let message = Array(beginning.utf8) + parameters + [UInt8(ascii: "}")]
        let isObject = (try? StrictJSON.check(parameters, depth: max(1, limits.depth - 1))) != nil
        return isObject && message.count <= limits.messageBytes ? message + [0] : nil
    }

    /// `value` as a JSON text with its keys in order, or `nil` if it cannot be one, as a number that is not finite.
    static func encode(_ value: some Encodable) -> Data? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try? encoder.encode(value)
    }
}
