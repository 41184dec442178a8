import Secrets
import Testing

@Suite struct SecretStreamTests {
    static let keyBytes = [UInt8](repeating: 0x42, count: SecretStream.keySize)
    var key: SecretBytes { SecretBytes(copying: Self.keyBytes.span) }

    func seal(_ messages: [String]) -> (header: [UInt8], sealed: [[UInt8]]) {
        var stream = SecretStream.Push(key: key)
        let sealed = messages.indices.map { index in
            let message = Array(messages[index].utf8)
            var sealed = [UInt8](repeating: 0, count: message.count + SecretStream.overhead)
            var output = sealed.mutableSpan
            let tag: SecretStream.Tag = index == messages.indices.last ? .final : .message
            stream.push(message.span, tag: tag, associatedData: [7], into: &output)
            return sealed
        }
        return (stream.header, sealed)
    }

    func open(_ sealed: [[UInt8]], header: [UInt8], associatedData: [UInt8] = [7]) throws -> [(
        String, SecretStream.Tag
    )] {
        var stream = SecretStream.Pull(key: key, header: header)
        return try sealed.map { sealed in
            var message = [UInt8](repeating: 0, count: max(0, sealed.count - SecretStream.overhead))
            var output = message.mutableSpan
            let tag = try stream.pull(sealed.span, associatedData: associatedData, into: &output)
            return (String(decoding: message, as: UTF8.self), tag)
        }
    }

    @Test("what goes in comes out, in order and with its tags")
    func roundTrip() throws {
        let (header, sealed) = seal(["one", "", "three"])
        let opened = try open(sealed, header: header)
        #expect(opened.map(\.0) == ["one", "", "three"])
        #expect(opened.map(\.1) == [.message, .message, .final])
    }

    @Test("a swapped, dropped, changed or foreign message is refused")
    func chain() {
        let (header, sealed) = seal(["one", "two", "three"])
        var changed = sealed
        changed[1][3] ^= 1
        let foreign = seal(["one", "two"]).sealed
        for attempt in [
            [sealed[1], sealed[0]], [sealed[1]], [sealed[0], sealed[2]], [sealed[0], sealed[0]], changed,
            [sealed[0], foreign[1]], [[UInt8](repeating: 0, count: 16)],
        ] {
            #expect(throws: AEADError.notAuthentic) { _ = try open(attempt, header: header) }
        }
        #expect(throws: AEADError.notAuthentic) { _ = try open(sealed, header: header, associatedData: [8]) }
    }
}
