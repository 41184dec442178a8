import Audit

/// A piece of HTML. What is interpolated into a literal is escaped, unless it is such a piece itself: so no text that was read
/// anywhere can become markup.
///
/// The attack: 1. somebody enrolls an account whose name is a script; 2. the auditor opens the report.
struct HTML: ExpressibleByStringInterpolation {
    let markup: String

    init(stringLiteral value: String) { markup = value }
    init(stringInterpolation: StringInterpolation) { markup = stringInterpolation.markup }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var markup = ""

        init(literalCapacity: Int, interpolationCount: Int) { markup.reserveCapacity(literalCapacity) }
        mutating func appendLiteral(_ literal: String) { markup += literal }
        mutating func appendInterpolation(_ text: String) { markup += HTML.escaped(text) }
        mutating func appendInterpolation(_ number: some BinaryInteger) { markup += "\(number)" }
        mutating func appendInterpolation(_ piece: HTML) { markup += piece.markup }
        mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { markup += piece.markup } }
    }

    /// A sentence whose digests and Names are short on the screen, eight digits from both ends, and whole under the pointer.
    static func shortened(_ text: String) -> HTML {
        var pieces: [HTML] = []
        var rest = text[...]
        while !rest.isEmpty {
            let word = rest.prefix { !$0.isHexDigit }
            rest = rest.dropFirst(word.count)
            let digits = rest.prefix { $0.isHexDigit }
            rest = rest.dropFirst(digits.count)
            pieces.append("\(String(word))")
            pieces.append(
                digits.count < 40
                    ? "\(String(digits))"
                    : "<code title=\"\(String(digits))\">\(String(digits.prefix(8)))…\(String(digits.suffix(8)))</code>"
            )
        }
        return "\(pieces)"
    }

    /// The text with nothing in it that HTML or a terminal would obey, not even the marks that turn the direction of letters.
    private static func escaped(_ text: String) -> String {
        printable(text).reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.append(character)
            }
        }
    }
}
