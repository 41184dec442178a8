import Secrets
import VaultAPI

/// Length-prefixed parts: 2-byte length || bytes, each.
func labeled(_ parts: [UInt8]...) -> [UInt8] {
    parts.flatMap { part in [UInt8(truncatingIfNeeded: part.count >> 8), UInt8(truncatingIfNeeded: part.count)] + part }
}

/// The info of one expansion: suite, purpose, and what it is bound to.
func keyLabel(_ purpose: String, _ parts: [UInt8]...) -> [UInt8] {
    labeled(Array(Recipe.suite.utf8), Array(purpose.utf8)) + parts.flatMap { labeled($0) }
}

func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}

extension SecretBytes {
    /// A copy of some of the bytes.
    func slice(_ range: Range<Int>) -> SecretBytes {
        withBytes { (bytes: Span<UInt8>) in SecretBytes(copying: bytes.extracting(range)) }
    }
}
