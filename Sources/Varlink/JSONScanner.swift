/// The grammar of RFC 8259 §2 to §7, walked once from left to right over bytes that are already known to be UTF-8.
struct JSONScanner {
    private let text: [UInt8]
    private let depth: Int
    private var at = 0

    init(text: [UInt8], depth: Int) {
        self.text = text
        self.depth = depth
    }

    /// One object with nothing around it but white space; gives its members.
    mutating func document() throws(StrictJSONError) -> [StrictJSON.Member] {
        skipSpace()
        guard try peek() == UInt8(ascii: "{") else { throw .notAnObject(offset: at) }
        var members: [StrictJSON.Member] = []
        try object(level: 1) { members.append($0) }
        skipSpace()
        guard at == text.count else { throw .trailingBytes(offset: at) }
        return members
    }

    private mutating func value(level: Int) throws(StrictJSONError) {
        switch try peek() {
        case UInt8(ascii: "{"): try object(level: level) { _ in }
        case UInt8(ascii: "["): try array(level: level)
        case UInt8(ascii: "\""): _ = try string(keeping: false)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: throw .unexpectedByte(offset: at)
        }
    }

    private mutating func object(level: Int, member: (StrictJSON.Member) -> Void) throws(StrictJSONError) {
        guard level <= depth else { throw .tooDeep(offset: at) }
        at += 1
        skipSpace()
        if try take("}") { return }
        // Names are compared as Swift compares strings, since the decoder's dictionaries do: the same letters composed
        // and decomposed are one key there, though their bytes differ.
        var names: Set<String> = []
        while true {
            skipSpace()
            let start = at
            guard try peek() == UInt8(ascii: "\"") else { throw .unexpectedByte(offset: at) }
            let name = try string(keeping: true)
            guard names.insert(name).inserted else { throw .duplicateKey(offset: start) }
            skipSpace()
            guard try take(":") else { throw .unexpectedByte(offset: at) }
            skipSpace()
            let from = at
            try value(level: level + 1)
            member(StrictJSON.Member(name: name, value: from..<at))
            skipSpace()
            if try take("}") { return }
            guard try take(",") else { throw .unexpectedByte(offset: at) }
        }
    }

    private mutating func array(level: Int) throws(StrictJSONError) {
        guard level <= depth else { throw .tooDeep(offset: at) }
        at += 1
        skipSpace()
        if try take("]") { return }
        while true {
            skipSpace()
            try value(level: level + 1)
            skipSpace()
            if try take("]") { return }
            guard try take(",") else { throw .unexpectedByte(offset: at) }
        }
    }

    /// A string, from its opening to past its closing quotation mark; its unescaped text if `keeping`, else nothing.
    mutating func string(keeping: Bool) throws(StrictJSONError) -> String {
        var kept: [UInt8] = []
        at += 1
        while true {
            let byte = try peek()
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return String(decoding: kept, as: UTF8.self)
            case UInt8(ascii: "\\"):
                let scalar = try escape()
                if keeping { kept.append(contentsOf: String(scalar).utf8) }
            case 0x00...0x1F:
                throw .controlCharacter(offset: at)
            default:
                if keeping { kept.append(byte) }
                at += 1
            }
        }
    }

    /// An escape, from its backslash to past its end (RFC 8259 §7).
    private mutating func escape() throws(StrictJSONError) -> Unicode.Scalar {
        let start = at
        at += 1
        let letter = try peek()
        at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw .badEscape(offset: start)
        }
        let first = try fourDigits(of: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, try take("\\") else { throw .loneSurrogate(offset: start) }
        guard try take("u") else { throw .loneSurrogate(offset: start) }
        let second = try fourDigits(of: start)
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw .loneSurrogate(offset: start) }
        return scalar
    }

    private mutating func fourDigits(of start: Int) throws(StrictJSONError) -> UInt32 {
        var number: UInt32 = 0
        for _ in 0..<4 {
            let byte = try peek()
            // The radix conversion of the library would also take a sign.
            guard Self.isHexDigit(byte), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw .badEscape(offset: start)
            }
            number = number << 4 | UInt32(digit)
            at += 1
        }
        return number
    }

    /// A number (RFC 8259 §6): no leading zeros, no plus sign before it, digits on both sides of the point.
    private mutating func number() throws(StrictJSONError) {
        if text[at] == UInt8(ascii: "-") { at += 1 }
        if at < text.count, text[at] == UInt8(ascii: "0") {
            at += 1
        } else {
            try digits()
        }
        if at < text.count, text[at] == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if at < text.count, text[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < text.count, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        if at < text.count, Self.isDigit(text[at]) { throw .badNumber(offset: at) }
    }

    private mutating func digits() throws(StrictJSONError) {
        let start = at
        while at < text.count, Self.isDigit(text[at]) { at += 1 }
        guard at < text.count || at > start else { throw .endsEarly(offset: at) }
        guard at > start else { throw .badNumber(offset: at) }
    }

    private mutating func literal(_ word: StaticString) throws(StrictJSONError) {
        for scalar in word.description.unicodeScalars {
            guard try peek() == UInt8(ascii: scalar) else { throw .unexpectedByte(offset: at) }
            at += 1
        }
    }

    private mutating func skipSpace() {
        while at < text.count {
            switch text[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default: return
            }
        }
    }

    private func peek() throws(StrictJSONError) -> UInt8 {
        guard at < text.count else { throw .endsEarly(offset: at) }
        return text[at]
    }

    /// Steps over `scalar` if it is next.
    private mutating func take(_ scalar: Unicode.Scalar) throws(StrictJSONError) -> Bool {
        guard try peek() == UInt8(ascii: scalar) else { return false }
        at += 1
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}
