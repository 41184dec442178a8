import Passwords
import Secrets
import TestSupport
import Testing

/// The prepared bytes of a typed password, as text.
func prepare(_ typed: [UInt8]) throws -> String {
    let password = try Password(utf8: SecretBytes(copying: typed.span))
    return password.bytes.withBytes { (bytes: Span<UInt8>) in
        String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    }
}

func prepare(_ typed: String) throws -> String { try prepare(Array(typed.utf8)) }

/// The very code points: `==` on `String` would call canonical equivalents equal.
func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }

@Suite struct PasswordTests {
    @Test(
        "the legal examples of RFC 8265 §4.3 are taken as they are",
        arguments: ["correct horse battery staple", "Correct Horse Battery Staple", "πßå", "Jack of ♦s"])
    func legalExamples(typed: String) throws {
        #expect(scalars(try prepare(typed)) == scalars(typed))
    }

    @Test("example 16 of RFC 8265 §4.3: an Ogham space mark becomes a space")
    func oghamSpace() throws {
        #expect(try prepare("foo\u{1680}bar") == "foo bar")
    }

    @Test("the illegal examples of RFC 8265 §4.3 are refused")
    func illegalExamples() {
        #expect(throws: PasswordError.empty) { try prepare("") }
        #expect(throws: PasswordError.disallowedCharacter(.control)) { try prepare("my cat is a \u{9}by") }
    }

    @Test(
        "every other space becomes U+0020",
        arguments: [
            "\u{A0}", "\u{2000}", "\u{2001}", "\u{2009}", "\u{200A}", "\u{202F}", "\u{205F}", "\u{3000}",
        ])
    func spaces(space: String) throws {
        #expect(scalars(try prepare("a" + space + "b")) == [0x61, 0x20, 0x62])
    }

    @Test(
        "canonical equivalents become the same bytes, in normalization form C",
        arguments: [
            ("caf\u{E9}", "cafe\u{301}"),
            ("\u{1EC7}", "e\u{323}\u{302}"),
            ("\u{1EC7}", "e\u{302}\u{323}"),
            ("\u{C5}ngstr\u{F6}m", "\u{212B}ngstr\u{F6}m"),
            ("\u{AC01}", "\u{1100}\u{1161}\u{11A8}"),
            ("\u{304C}", "\u{304B}\u{3099}"),
            // Excluded from composition: the decomposed form is form C.
            ("\u{915}\u{93C}", "\u{958}"),
            ("\u{1D157}\u{1D165}", "\u{1D15E}"),
        ])
    func normalization(formC: String, other: String) throws {
        #expect(scalars(try prepare(formC)) == scalars(formC))
        #expect(scalars(try prepare(other)) == scalars(formC))
    }

    @Test(
        "width, case and compatibility characters stay as they are",
        arguments: ["\u{FF41}\u{FF42}\u{FF11}", "\u{FF76}", "ﬁ", "²", "ABC", "Ⅳ"])
    func nothingElseIsMapped(typed: String) throws {
        #expect(scalars(try prepare(typed)) == scalars(typed))
    }

    @Test("1024 bytes are taken and 1025 refused, counted after preparation")
    func sizes() throws {
        let a = { (count: Int) in String(repeating: "a", count: count) }
        #expect(try prepare(a(1024)).utf8.count == 1024)
        #expect(throws: PasswordError.tooLong) { try prepare(a(1025)) }
        #expect(try prepare(a(1023) + "\u{3000}") == a(1023) + " ")
        #expect(throws: PasswordError.tooLong) { try prepare(a(1023) + "é") }
        #expect(try prepare(String(repeating: "\u{1FB3}\u{314}\u{301}", count: 341)).utf8.count == 1023)
        #expect(throws: PasswordError.tooLong) { try prepare(String(repeating: " ", count: 1_000_000)) }
    }

    @Test(
        "what is not well-formed UTF-8 is refused",
        arguments: [
            "c080", "c1bf", "e08080", "e09fbf", "f0808080", "f08fbfbf",  // overlong
            "eda080", "edbfbf", "eda0bdedb880",  // surrogates
            "f4908080", "f5808080", "ff", "fe",  // beyond U+10FFFF
            "c3", "e282", "f09f98", "61c3",  // truncated
            "80", "bf", "61bf62", "c3a9a9", "c328",  // stray
        ])
    func malformed(bytes: String) {
        #expect(throws: PasswordError.notUTF8) { try prepare(hex(bytes)) }
    }

    @Test("no error repeats the password, and each says that no guess was spent")
    func errorTexts() {
        let kinds: [PasswordError.Kind] = [
            .control, .unassigned, .invisible, .oldHangulJamo, .outOfContext, .other,
        ]
        let errors: [PasswordError] = [.empty, .tooLong, .notUTF8] + kinds.map { .disallowedCharacter($0) }
        for error in errors { #expect(error.description.hasSuffix("no guess was spent.")) }
        #expect(Set(errors.map(\.description)).count == errors.count)
    }
}
