import NIOCore

@testable import Varlink

/// Cutting what arrives into messages. First a limit (8 bits) and the size of a read (8 bits), then what arrives.
enum FramingFuzz: FuzzBody {
    static let largest = 512

    static func seeds() throws -> [[UInt8]] {
        [
            [255, 4] + Array("{\"method\":\"org.example.Ping.Ping\"}\0{\"method\":\"a.B\"}\0{".utf8),
            [16, 255] + [UInt8](repeating: 0, count: 9), [4, 1] + Array("abcd\0abcde".utf8), [0, 3, 0, 0, 1],
        ]
    }

    /// However the bytes are split into reads, the messages are those between the NULs, up to the first that is too long.
    static func take(_ bytes: [UInt8]) throws(Finding) {
        guard bytes.count >= 2 else { return }
        let (limit, step, stream) = (Int(bytes[0]), max(1, Int(bytes[1])), Array(bytes[2...]))
        var pieces = stream.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
        let rest = pieces.removeLast()
        let whole = Array(pieces.prefix { $0.count <= limit })

        var framer = MessageFramer(limit: limit)
        var given: [[UInt8]] = []
        var wasRefused = false
        do throws(MessageFramer.TooLarge) {
            for start in stride(from: 0, to: stream.count, by: step) {
                try framer.append(ByteBuffer(bytes: stream[start..<min(start + step, stream.count)]))
                while let message = try framer.next() { given.append(message) }
            }
        } catch {
            wasRefused = true
        }
        try mustEqual(given, whole, "the messages are those between the NULs")
        let isTooLarge = whole.count < pieces.count || rest.count > limit
        try mustEqual(wasRefused, isTooLarge, "refused only what is too large, and all of it")
        if !wasRefused { try mustEqual(framer.isEmpty, rest.isEmpty, "what is left is the beginning of a message") }
    }
}
