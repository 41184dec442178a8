import Foundation
import Testing

@testable import Passwords

@Suite struct FreeformClassTests {
    @Test(
        "characters outside the class are refused, by kind",
        arguments: [
            ([0x0], .control), ([0x7], .control), ([0xA], .control), ([0xD], .control),
            ([0x1B], .control), ([0x7F], .control), ([0x85], .control), ([0x9F], .control),
            ([0x378], .unassigned), ([0xE0080], .unassigned), ([0x1FAE8, 0x1FAE9], .unassigned),
            ([0xAD], .invisible), ([0x200B], .invisible), ([0xFEFF], .invisible), ([0x2060], .invisible),
            ([0xFE0F], .invisible), ([0x115F], .oldHangulJamo), ([0x3164], .invisible),
            ([0xFFFE], .invisible), ([0xFDD0], .invisible), ([0x10FFFF], .invisible),
            ([0x1113], .oldHangulJamo), ([0xA960], .oldHangulJamo), ([0xD7FB], .oldHangulJamo),
            ([0x1100, 0x61], .oldHangulJamo),
            ([0x2028], .other), ([0x2029], .other), ([0xE000], .other), ([0xF0000], .other),
            ([0x600], .other), ([0xFFF9], .other), ([0x640], .other), ([0x7FA], .other),
            ([0x302E], .other), ([0x3031], .other), ([0x303B], .other),
        ] as [([UInt32], PasswordError.Kind)])
    func refused(values: [UInt32], kind: PasswordError.Kind) {
        let text = "x" + values.compactMap(Unicode.Scalar.init).map { String($0) }.joined() + "y"
        #expect(throws: PasswordError.disallowedCharacter(kind)) { try prepare(text) }
    }

    @Test(
        "letters, digits, marks, symbols and punctuation of the world are taken",
        arguments: [
            "ß", "ς", "\u{6FD}", "\u{F0B}", "〇", "Ж", "中文", "한글", "日本語", "हिन्दी", "ไทย", "العربية", "עברית",
            "😀", "€", "½", "ǅ", "\u{488}", "—", "«»", "~!@#$%^&*()_+{}|:\"<>?`-=[]\\;',./",
        ])
    func taken(text: String) throws {
        #expect(try prepare(text).isEmpty == false)
    }

    @Test(
        "the contextual rules of RFC 5892 appendix A hold",
        arguments: [
            // A.1 zero width non-joiner: after a virama, or between letters that join
            ("\u{915}\u{94D}\u{200C}\u{937}", true), ("\u{645}\u{6CC}\u{200C}\u{62E}\u{648}", true),
            ("\u{628}\u{64E}\u{200C}\u{64E}\u{627}", true), ("\u{627}\u{200C}\u{628}", false),
            ("a\u{200C}b", false), ("\u{200C}", false), ("\u{200C}\u{628}", false), ("\u{628}\u{200C}", false),
            ("\u{A872}\u{200C}\u{628}", true), ("\u{628}\u{200C}\u{A872}", false),
            // A.2 zero width joiner: after a virama only
            ("\u{915}\u{94D}\u{200D}\u{937}", true), ("\u{915}\u{200D}\u{937}", false), ("\u{200D}", false),
            ("\u{628}\u{200D}\u{628}", false), ("👩\u{200D}🚀", false),
            // A.3 middle dot: between two l
            ("l\u{B7}l", true), ("L\u{B7}L", false), ("l\u{B7}", false), ("\u{B7}l", false), ("a\u{B7}l", false),
            // A.4 Greek lower numeral sign: before a Greek letter
            ("\u{375}\u{3B1}", true), ("\u{375}a", false), ("\u{3B1}\u{375}", false),
            // A.5, A.6 geresh and gershayim: after a Hebrew letter
            ("\u{5D0}\u{5F3}", true), ("\u{5F3}\u{5D0}", false), ("a\u{5F3}", false),
            ("\u{5D0}\u{5F4}", true), ("\u{5F4}", false),
            // A.7 Katakana middle dot: with Hiragana, Katakana or Han anywhere
            ("\u{30FB}", false), ("a\u{30FB}b", false), ("a\u{30FB}\u{3042}", true), ("\u{30A2}\u{30FB}", true),
            ("\u{30FB}\u{6F22}", true), ("\u{20000}\u{30FB}", true),
            // A.8, A.9 the two sets of Arabic digits do not mix
            ("\u{660}\u{669}", true), ("\u{6F0}\u{6F9}", true), ("\u{660}a\u{6F0}", false),
            ("\u{6F5}\u{665}", false), ("1\u{660}", true),
        ])
    func contexts(text: String, allowed: Bool) throws {
        if allowed {
            _ = try prepare(text)
        } else {
            #expect(throws: PasswordError.disallowedCharacter(.outOfContext)) { try prepare(text) }
        }
    }

    @Test("every ASCII character but the controls is taken")
    func ascii() {
        for value in UInt8(0)...0x7F {
            let taken = FreeformClass.property(of: Unicode.Scalar(value)) == .valid
            #expect(taken == (0x20...0x7E).contains(value))
        }
    }

    @Test("leaving out HasCompat refuses nothing: whatever has a compatibility mapping is in another category")
    func compatibility() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value),
                case .disallowed(.other) = FreeformClass.property(of: scalar),
                scalar.properties.generalCategory != .privateUse
            else { continue }
            // RFC 5892's exceptions come before HasCompat.
            let text = String(Character(scalar))
            let mapped = Array(text.precomposedStringWithCompatibilityMapping.unicodeScalars)
            #expect(mapped == [scalar], "U+\(String(value, radix: 16))")
        }
    }

    @Test("a character newer than the pinned version of Unicode is refused even if this machine knows it")
    func pinned() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age,
                (age.major, age.minor) > (15, 0)
            else { continue }
            #expect(FreeformClass.property(of: scalar) == .disallowed(.unassigned))
        }
    }
}
