import Foundation

/// A bounded check of a JSON text's raw bytes, made before Foundation's decoder sees them (RFC 8259, and RFC 7493 §2.3
/// where it forbids duplicate keys).
///
/// The attack: 1. a caller sends a key twice; 2. what checks the message reads the first, what acts on it the second.
/// Decoders differ in which they take (Foundation does not say), so such a text is refused, like everything else that
/// two readers could read differently.
public enum StrictJSON {
    /// How deep objects and arrays may be nested when nothing else is said; the outermost object counts as one.
    public static let depth = 8

    /// Checks that `text` is valid UTF-8, one JSON object with nothing but white space around it, nested at most
    /// `depth` deep, and without duplicate keys in any object.
    public static func check(_ text: [UInt8], depth: Int = Self.depth) throws(StrictJSONError) {
        _ = try members(of: text, depth: depth)
    }

    /// The same check for `Data`.
    public static func check(_ text: Data, depth: Int = Self.depth) throws(StrictJSONError) {
        try check([UInt8](text), depth: depth)
    }

    /// A member of the outermost object: its name, unescaped, and where its value's text lies.
    struct Member: Equatable {
        let name: String
        let value: Range<Int>
    }

    /// Checks `text` and gives the members of the outermost object in their order.
    static func members(of text: [UInt8], depth: Int = Self.depth) throws(StrictJSONError) -> [Member] {
        precondition((1...128).contains(depth), "the depth of recursion must be bounded")
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: text.span)
        } catch {
            throw .notUTF8(offset: error.byteOffsets.lowerBound)
        }
        var scanner = JSONScanner(text: text, depth: depth)
        return try scanner.document()
    }

    /// The text of a string's value, unescaped; `nil` if it is not a string. `value` must come from `members(of:)`.
    static func string(_ value: ArraySlice<UInt8>) -> String? {
        guard value.first == UInt8(ascii: "\"") else { return nil }
        var scanner = JSONScanner(text: Array(value), depth: 1)
        return try? scanner.string(keeping: true)
    }
}
