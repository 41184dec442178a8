import NIOCore

/// Cuts what arrives on a connection into messages at the NUL byte that ends each of them.
///
/// It holds at most `limit` bytes of a message that is not complete, and what else came in the same read.
struct MessageFramer {
    /// A message is longer than the limit, or the peer sends more than it may while nobody reads.
    struct TooLarge: Error {}

    private let limit: Int
    private var bytes = ByteBuffer()
    /// How many bytes from the reader index on are known to have no NUL; without it a peer that sends single bytes
    /// makes the search quadratic.
    private var searched = 0

    /// `limit` is the largest size of a message in bytes, without its NUL.
    init(limit: Int) { self.limit = limit }

    /// Whether nothing has arrived of a next message.
    var isEmpty: Bool { bytes.readableBytes == 0 }

    /// Takes over what has been read. More than one full message and one read beyond are never held.
    mutating func append(_ read: ByteBuffer) throws(TooLarge) {
        guard bytes.readableBytes <= limit + 1 else { throw TooLarge() }
        var read = read
        bytes.writeBuffer(&read)
    }

    /// The next whole message without its NUL, or `nil` if it has not arrived yet.
    mutating func next() throws(TooLarge) -> [UInt8]? {
        let view = bytes.readableBytesView
        guard let end = view.dropFirst(searched).firstIndex(of: 0) else {
            searched = view.count
            guard searched <= limit else { throw TooLarge() }
            return nil
        }
        let count = end - view.startIndex
        guard count <= limit, let message = bytes.readBytes(length: count) else { throw TooLarge() }
        bytes.moveReaderIndex(forwardBy: 1)
        bytes.discardReadBytes()
        searched = 0
        return message
    }
}
