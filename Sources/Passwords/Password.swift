import Foundation
import Secrets

/// A password prepared with the OpaqueString profile (RFC 8265 §4.2), so that the same password typed on another device
/// is the same bytes.
///
/// Known limit: a password that is not in normalization form C already is normalized by Foundation, in ordinary memory
/// that nobody wipes. Every other one, so every ASCII one, stays in `SecretBytes` from end to end; the check whether it
/// is in form C is the standard library's, on those bytes in place.
public struct Password: ~Copyable, Sendable {
    /// The most bytes of UTF-8 a prepared password has.
    public static let maximumBytes = 1024

    /// The prepared password in UTF-8, 1 to 1024 bytes.
    public let bytes: SecretBytes

    /// Prepares and enforces, in the order of RFC 8264 §7: other spaces become U+0020, then normalization form C, then
    /// every code point is checked against the freeform class, then the size.
    ///
    /// Case and width stay as they are (RFC 8265 §4.2.2).
    public init(utf8 typed: consuming SecretBytes) throws(PasswordError) {
        guard typed.count > 0 else { throw .empty }
        // Form C takes at most 8 times the room it needs: what is longer than this cannot become short enough.
        guard typed.count <= 8 * Self.maximumBytes else { throw .tooLong }
        var codePoints = try CodePoints(utf8: typed)
        codePoints.mapSpaces()
        var prepared = codePoints.utf8()
        if !Self.isInFormC(prepared) {
            prepared = Self.formC(of: prepared)
            codePoints = try CodePoints(utf8: prepared)
        }
        if let kind = FreeformClass.flaw(in: codePoints) { throw .disallowedCharacter(kind) }
        guard prepared.count <= Self.maximumBytes else { throw .tooLong }
        bytes = prepared
    }

    private static func isInFormC(_ utf8: borrowing SecretBytes) -> Bool {
        utf8.withBytes { (bytes: Span<UInt8>) in
            guard var text = try? UTF8Span(validating: bytes) else { return false }
            return text.checkForNFC(quickCheck: false)
        }
    }

    private static func formC(of utf8: borrowing SecretBytes) -> SecretBytes {
        var bytes = utf8.withBytes { (bytes: Span<UInt8>) in
            var copy = bytes.indices.map { bytes[$0] }
            defer { wipe(&copy) }
            return Array(String(decoding: copy, as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)
        }
        return SecretBytes(wiping: &bytes)
    }
}
