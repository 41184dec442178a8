/// Why a text is not the one strict JSON object a message must be; each case has the offset in bytes of what is wrong.
///
/// Nothing of the text itself is kept, so the error may be shown and logged.
public enum StrictJSONError: Error, Equatable, Sendable {
    /// The bytes at the offset are not UTF-8 (RFC 3629).
    case notUTF8(offset: Int)
    /// The first value is not an object.
    case notAnObject(offset: Int)
    /// The text ended inside a value.
    case endsEarly(offset: Int)
    /// Something follows the object.
    case trailingBytes(offset: Int)
    /// An object or array opens here that is nested deeper than allowed.
    case tooDeep(offset: Int)
    /// A key appears twice in its object.
    case duplicateKey(offset: Int)
    /// A byte that the grammar does not allow at this place.
    case unexpectedByte(offset: Int)
    /// A control character stands in a string without an escape.
    case controlCharacter(offset: Int)
    /// An escape that JSON does not know, or that is not complete.
    case badEscape(offset: Int)
    /// Half of a surrogate pair stands alone.
    case loneSurrogate(offset: Int)
    /// A number that the grammar does not allow.
    case badNumber(offset: Int)
}

extension StrictJSONError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notUTF8(let offset): "Send UTF-8; the bytes at offset \(offset) are not."
        case .notAnObject(let offset): "Send one JSON object; at offset \(offset) something else begins."
        case .endsEarly(let offset): "Send the whole object; the text ends at offset \(offset) inside a value."
        case .trailingBytes(let offset): "Send nothing after the object; at offset \(offset) something follows it."
        case .tooDeep(let offset): "Nest less; the value at offset \(offset) is too deep."
        case .duplicateKey(let offset): "Give each key once; the key at offset \(offset) is a repetition."
        case .unexpectedByte(let offset): "Send valid JSON; the byte at offset \(offset) cannot stand there."
        case .controlCharacter(let offset): "Escape control characters; there is a bare one at offset \(offset)."
        case .badEscape(let offset): "Use JSON's escapes only; the one at offset \(offset) is another or not complete."
        case .loneSurrogate(let offset): "Send surrogates in pairs; the one at offset \(offset) is alone."
        case .badNumber(let offset): "Write numbers as JSON does; at offset \(offset) this one does not."
        }
    }
}
