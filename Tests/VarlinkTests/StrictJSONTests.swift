import Foundation
import Testing

@testable import Varlink

@Suite("strict JSON")
struct StrictJSONTests {
    @Test(
        "a valid object passes",
        arguments: [
            "{}", " \t\r\n{ } \n", #"{"a":1}"#, #"{"a":[],"b":{},"c":null,"d":true,"e":false}"#,
            #"{"n":[0,-0,1,-1,10,0.5,-0.0e0,1e5,1E+5,1e-05,123456789012345678901234567890]}"#,
            #"{"":"","\u0000":"\u0000\ud83d\ude00\"\\\/\b\f\n\r\t"}"#, #"{"é":"ü","日本":"語","😀":"😀"}"#,
            #"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#, #"{"a":[[[[[[[1]]]]]]]}"#, "{\"\u{7F}\":\"\u{2028}\"}",
        ])
    func passes(text: String) throws {
        try StrictJSON.check(Array(text.utf8))
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8))
    }

    @Test(
        "what is not one strict object is refused, with the kind and the place",
        arguments: [
            ("", .endsEarly(offset: 0)), ("  ", .endsEarly(offset: 2)),
            ("1", .notAnObject(offset: 0)), ("[]", .notAnObject(offset: 0)), ("\"a\"", .notAnObject(offset: 0)),
            ("null", .notAnObject(offset: 0)), ("\u{FEFF}{}", .notAnObject(offset: 0)),
            ("\0{}", .notAnObject(offset: 0)),
            ("{}{}", .trailingBytes(offset: 2)), ("{} x", .trailingBytes(offset: 3)),
            ("{}\0", .trailingBytes(offset: 2)),
            ("{", .endsEarly(offset: 1)), (#"{"a"#, .endsEarly(offset: 3)), (#"{"a""#, .endsEarly(offset: 4)),
            (#"{"a":"#, .endsEarly(offset: 5)), (#"{"a":1"#, .endsEarly(offset: 6)),
            (#"{"a":tru"#, .endsEarly(offset: 8)),
            (#"{"a":-"#, .endsEarly(offset: 6)), (#"{"a":"\u12"#, .endsEarly(offset: 10)),
            ("{a:1}", .unexpectedByte(offset: 1)), ("{'a':1}", .unexpectedByte(offset: 1)),
            (#"{"a" 1}"#, .unexpectedByte(offset: 5)), (#"{"a":1,}"#, .unexpectedByte(offset: 7)),
            (#"{,"a":1}"#, .unexpectedByte(offset: 1)), (#"{"a":1 "b":2}"#, .unexpectedByte(offset: 7)),
            (#"{"a":[1,]}"#, .unexpectedByte(offset: 8)), (#"{"a":[1 2]}"#, .unexpectedByte(offset: 8)),
            (#"{"a":[1}"#, .unexpectedByte(offset: 7)), (#"{"a":True}"#, .unexpectedByte(offset: 5)),
            (#"{"a":nul}"#, .unexpectedByte(offset: 8)), (#"{"a":NaN}"#, .unexpectedByte(offset: 5)),
            (#"{"a":+1}"#, .unexpectedByte(offset: 5)), (#"{"a":.5}"#, .unexpectedByte(offset: 5)),
            (#"{"a":1/*x*/}"#, .unexpectedByte(offset: 6)), ("{\u{A0}}", .unexpectedByte(offset: 1)),
            (#"{"a":0x10}"#, .unexpectedByte(offset: 6)), (#"{"a":01}"#, .badNumber(offset: 6)),
            (#"{"a":-01}"#, .badNumber(offset: 7)), (#"{"a":1.}"#, .badNumber(offset: 7)),
            (#"{"a":1.e5}"#, .badNumber(offset: 7)), (#"{"a":1e}"#, .badNumber(offset: 7)),
            (#"{"a":1e+}"#, .badNumber(offset: 8)), (#"{"a":-}"#, .badNumber(offset: 6)),
            ("{\"a\":\"\n\"}", .controlCharacter(offset: 6)), ("{\"\t\":1}", .controlCharacter(offset: 2)),
            (#"{"a":"\x"}"#, .badEscape(offset: 6)), (#"{"a":"\u12g4"}"#, .badEscape(offset: 6)),
            (#"{"a":"\u+123"}"#, .badEscape(offset: 6)), (#"{"a":"\U0041"}"#, .badEscape(offset: 6)),
            (#"{"a":"\ud800"}"#, .loneSurrogate(offset: 6)), (#"{"a":"\udc00"}"#, .loneSurrogate(offset: 6)),
            (#"{"a":"\ud800\n"}"#, .loneSurrogate(offset: 6)), (#"{"a":"\ud800\u0041"}"#, .loneSurrogate(offset: 6)),
            (#"{"a":"\udc00\ud800"}"#, .loneSurrogate(offset: 6)),
        ] as [(String, StrictJSONError)])
    func refuses(text: String, expected: StrictJSONError) {
        #expect(throws: expected) { try StrictJSON.check(Array(text.utf8)) }
    }

    @Test(
        "the same key twice is refused, however it is written",
        arguments: [
            (#"{"a":1,"a":1}"#, 7), (#"{"a":1,"\u0061":2}"#, 7), (#"{"b":{"x":1,"y":2,"x":3}}"#, 18),
            (#"{"b":[{"/":1,"\/":2}]}"#, 13), (#"{"😀":1,"\uD83D\uDE00":2}"#, 10), (#"{"":1,"":1}"#, 6),
            ("{\"\u{E9}\":1,\"e\u{301}\":2}", 8),
        ])
    func duplicates(text: String, offset: Int) {
        #expect(throws: StrictJSONError.duplicateKey(offset: offset)) { try StrictJSON.check(Array(text.utf8)) }
    }

    @Test(
        "bytes that are not UTF-8 are refused wherever they stand",
        arguments: [
            ([0x7B, 0xFF, 0x7D], 1), (Array("{\"".utf8) + [0xC0, 0xAF] + Array("\":1}".utf8), 2),
            (Array("{\"a\":\"".utf8) + [0xED, 0xA0, 0x80] + Array("\"}".utf8), 6),
            (Array("{\"a\":\"".utf8) + [0xF4, 0x90, 0x80, 0x80] + Array("\"}".utf8), 6),
            (Array("{}".utf8) + [0xE2, 0x82], 2), ([0xFF, 0xFE, 0x7B, 0x00], 0),
        ] as [([UInt8], Int)])
    func notUTF8(text: [UInt8], offset: Int) {
        #expect(throws: StrictJSONError.notUTF8(offset: offset)) { try StrictJSON.check(text) }
    }

    @Test("depth is counted from the outermost object, and one more than allowed is refused")
    func depth() throws {
        try StrictJSON.check(Array(#"{"a":{"b":[]}}"#.utf8), depth: 3)
        #expect(throws: StrictJSONError.tooDeep(offset: 10)) {
            try StrictJSON.check(Array(#"{"a":{"b":[]}}"#.utf8), depth: 2)
        }
        #expect(throws: StrictJSONError.tooDeep(offset: 12)) {
            try StrictJSON.check(Array((#"{"a":"# + String(repeating: "[", count: 60_000)).utf8))
        }
    }

    @Test("the members of the outermost object are cut out as they were written")
    func members() throws {
        let text = Array(#"{ "a" : {"x": [1.50, "}"]} , "\u0062":-1e3 }"#.utf8)
        let members = try StrictJSON.members(of: text)
        #expect(members.map(\.name) == ["a", "b"])
        let values = members.map { String(decoding: text[$0.value], as: UTF8.self) }
        #expect(values == [#"{"x": [1.50, "}"]}"#, "-1e3"])
    }

    /// Foundation takes a comma before a closing brace or bracket, JSON does not (RFC 8259 §4 and §5).
    static func isCommaBeforeEnd(_ error: StrictJSONError, in text: [UInt8]) -> Bool {
        guard case .unexpectedByte(let offset) = error, [0x5D, 0x7D].contains(text[offset]) else { return false }
        return text[..<offset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: ",")
    }

    /// Foundation refuses numbers beyond a `Double`, which the grammar allows; they are refused when they are decoded.
    static func hasHugeNumber(_ text: [UInt8]) -> Bool {
        String(decoding: text, as: UTF8.self).contains(/[0-9][eE]\+?[0-9]{3,}/)
    }

    @Test("mutated texts get Foundation's verdict, but for what only the strict check refuses")
    func mutations() throws {
        let seeds = [
            #"{"method":"org.example.Ping.Ping","parameters":{"ping":"\u0041\ud83d\ude00x\n"},"more":true}"#,
            #"{"a":[0,-1.5e+10,{"b":null,"c":[true,false,{}]},"é日😀"],"d":{"e":"\\\"\/"}}"#,
        ].map { Array($0.utf8) }
        let alphabet =
            Array(#"{}[]:,"\/ -+.0123456789eEtrufalsnbx"#.utf8) + [0x00, 0x09, 0x0A, 0x1F, 0x7F, 0xC3, 0xA9, 0xED]
        var random = SplitMix(state: 0x7465_6E70_696E)
        var accepted = 0
        for round in 0..<30_000 {
            var text = seeds[round % seeds.count]
            for _ in 0...Int(random.next() % 3) {
                let at = Int(random.next() % UInt64(text.count))
                let byte = alphabet[Int(random.next() % UInt64(alphabet.count))]
                switch random.next() % 4 {
                case 0: text.remove(at: at)
                case 1: text.insert(byte, at: at)
                case 2: text.swapAt(at, Int(random.next() % UInt64(text.count)))
                default: text[at] = byte
                }
            }
            let foundation = (try? JSONSerialization.jsonObject(with: Data(text))) is [String: Any]
            do throws(StrictJSONError) {
                try StrictJSON.check(text, depth: 100)
                accepted += 1
                #expect(
                    foundation || Self.hasHugeNumber(text),
                    "Foundation refuses \(String(decoding: text, as: UTF8.self))")
            } catch {
                if case .duplicateKey = error { continue }
                #expect(
                    !foundation || Self.isCommaBeforeEnd(error, in: text),
                    "\(error) \(String(decoding: text, as: UTF8.self))")
            }
        }
        #expect((1000..<29_000).contains(accepted), "the mutations hit only one side: \(accepted)")
    }
}

/// A small generator with a fixed seed, so that a failure can be had again (splitmix64).
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
