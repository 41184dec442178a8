/// The contextual rules of RFC 5892 appendix A.
enum ContextRule {
    /// Whether the code point at `index`, which is CONTEXTJ or CONTEXTO, may stand there.
    static func allows(_ index: Int, in text: borrowing CodePoints) -> Bool {
        let before: Unicode.Scalar? = index > 0 ? text[index - 1] : nil
        let after: Unicode.Scalar? = index + 1 < text.count ? text[index + 1] : nil
        switch text[index].value {
        case 0x200C:  // A.1 zero width non-joiner
            return before?.properties.canonicalCombiningClass == .virama || joins(around: index, in: text)
        case 0x200D:  // A.2 zero width joiner
            return before?.properties.canonicalCombiningClass == .virama
        case 0x00B7:  // A.3 middle dot
            return before == "l" && after == "l"
        case 0x0375:  // A.4 Greek lower numeral sign
            return contains(UnicodeRanges.greek, after)
        case 0x05F3, 0x05F4:  // A.5, A.6 Hebrew punctuation geresh, gershayim
            return contains(UnicodeRanges.hebrew, before)
        case 0x30FB:  // A.7 Katakana middle dot
            return anywhere(in: text) { contains(UnicodeRanges.hiraganaKatakanaHan, $0) }
        case 0x0660...0x0669:  // A.8 Arabic-Indic digits
            return !anywhere(in: text) { (0x06F0...0x06F9).contains($0.value) }
        case 0x06F0...0x06F9:  // A.9 extended Arabic-Indic digits
            return !anywhere(in: text) { (0x0660...0x0669).contains($0.value) }
        default:
            return false
        }
    }

    /// (Joining_Type:{L,D})(Joining_Type:T)* before and (Joining_Type:T)*(Joining_Type:{R,D}) after.
    private static func joins(around index: Int, in text: borrowing CodePoints) -> Bool {
        var left = index - 1
        while left >= 0, isTransparent(text[left]) { left -= 1 }
        var right = index + 1
        while right < text.count, isTransparent(text[right]) { right += 1 }
        guard left >= 0, right < text.count else { return false }
        let joinsLeft =
            contains(UnicodeRanges.dualJoining, text[left]) || contains(UnicodeRanges.leftJoining, text[left])
        let joinsRight =
            contains(UnicodeRanges.dualJoining, text[right]) || contains(UnicodeRanges.rightJoining, text[right])
        return joinsLeft && joinsRight
    }

    /// Joining_Type T, as far as the freeform class has it: marks, and one letter.
    private static func isTransparent(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: true
        default: scalar.value == 0x1E94B
        }
    }

    private static func contains(_ ranges: [ClosedRange<UInt32>], _ scalar: Unicode.Scalar?) -> Bool {
        guard let scalar else { return false }
        return ranges.contains { $0.contains(scalar.value) }
    }

    private static func anywhere(
        in text: borrowing CodePoints, _ condition: (Unicode.Scalar) -> Bool
    ) -> Bool {
        for index in 0..<text.count where condition(text[index]) { return true }
        return false
    }
}
