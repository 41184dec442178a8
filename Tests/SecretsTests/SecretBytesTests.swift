import Secrets
import Testing

@Suite struct SecretBytesTests {
    @Test("a secret taken over from an array leaves zeros and nothing behind in it")
    func wiping() {
        var bytes: [UInt8] = [1, 2, 3]
        let secret = SecretBytes(wiping: &bytes)
        #expect(bytes.isEmpty)
        #expect(secret.count == 3)
        #expect(secret.withBytes { (span: Span<UInt8>) in span[2] } == 3)
    }

    @Test("equality looks at size and contents")
    func equality() {
        let one = SecretBytes(random: 32)
        let copy = one.isEqual(to: one.duplicate())
        let other = one.isEqual(to: SecretBytes(random: 32))
        let shorter = one.isEqual(to: SecretBytes(random: 31))
        let empty = SecretBytes(random: 0).isEqual(to: SecretBytes(random: 0))
        #expect(copy && !other && !shorter && empty)
    }

    struct Refused: Error, Equatable {}

    @Test("an error while filling goes through with its type")
    func errors() {
        #expect(throws: Refused()) {
            _ = try SecretBytes(count: 8) { (_: inout MutableSpan<UInt8>) throws(Refused) in throw Refused() }
        }
    }
}
