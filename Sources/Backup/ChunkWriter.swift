import Secrets
import Synchronization

/// Encrypts contents into chunks; a thread of its own seals them.
final class ChunkWriter {
    private let output: Descriptor
    /// Its next chunk is being filled. A full one waits for more contents, since the last one is sealed as such.
    private var ring: ChunkRing
    private var done: UInt64 = 0
    private let total: UInt64?
    private let observer: BackupProgress.Observer

    /// Writes the header and what the stream starts with.
    init(
        to output: consuming Descriptor, header: BackupHeader, key: borrowing BackupKey, total: UInt64?,
        observer: @escaping BackupProgress.Observer
    ) throws(BackupError) {
        let stream = SecretStream.Push(key: key.fileKey(for: header.fileID))
        let start = header.encoded + stream.header
        let sealer = Sealer(stream, associatedData: header.tag)
        ring = try ChunkRing { sealer.seal($0) }
        self.output = output
        self.total = total
        self.observer = observer
        try self.output.write(start.span)
    }

    /// Takes in contents of any size.
    func write(_ bytes: Span<UInt8>) throws(BackupError) {
        var done = 0
        while done < bytes.count {
            if ring.next.count == Chunk.size { try seal(.message) }
            let room = unsafe self.room
            let count = min(bytes.count - done, room.count)
            unsafe bytes.extracting(done..<done + count).withUnsafeBufferPointer { (source) -> Void in
                // What was read into the room is there.
                if unsafe source.baseAddress != UnsafePointer(room.baseAddress) {
                    _ = unsafe room.update(fromContentsOf: source)
                }
            }
            ring.next.count += count
            done += count
        }
    }

    /// Where the next contents go, at least one byte, until something is written: contents put there need not be copied.
    @unsafe var room: UnsafeMutableBufferPointer<UInt8> {
        let chunk = ring.next
        return unsafe chunk.count < Chunk.size
            ? UnsafeMutableBufferPointer(rebasing: chunk.contents[chunk.count...]) : ring.following.contents
    }

    /// Takes in everything that `input` gives.
    func write(from input: borrowing Descriptor) throws(BackupError) {
        while true {
            var room = unsafe MutableSpan(_unsafeElements: self.room)
            let count = try input.read(into: &room) { () throws(BackupError) in
                // What is sealed does not wait for an input that is silent.
                while try writeOldest() {}
                try report()
            }
            if count == 0 { return }
            try write(room.span.extracting(first: count))
        }
    }

    /// Writes the last chunk, which may be empty.
    func finish() throws(BackupError) {
        try seal(.final)
        while try writeOldest() {}
    }

    private func seal(_ tag: SecretStream.Tag) throws(BackupError) {
        ring.next.tag = tag
        ring.give()
        if ring.isFull { repeat { try writeOldest() } while ring.isReady }
        ring.next.count = 0
    }

    /// Writes the oldest chunk that is under way; says whether there was one.
    @discardableResult
    private func writeOldest() throws(BackupError) -> Bool {
        guard let chunk = ring.take() else { return false }
        let sealed = unsafe Span(_unsafeElements: chunk.sealed).extracting(first: chunk.count + SecretStream.overhead)
        try output.write(sealed) { () throws(BackupError) in try report() }
        done += UInt64(chunk.count)
        try report()
        return true
    }

    private func report() throws(BackupError) {
        try observer(BackupProgress(bytesDone: done, bytesTotal: total))
    }
}

/// The stream's sending end, for the ring's thread.
private final class Sealer: Sendable {
    private let stream: Mutex<SecretStream.Push>
    private let associatedData: [UInt8]

    init(_ stream: consuming sending SecretStream.Push, associatedData: [UInt8]) {
        self.stream = Mutex(stream)
        self.associatedData = associatedData
    }

    func seal(_ chunk: Chunk) {
        let contents = unsafe Span(_unsafeElements: chunk.contents).extracting(first: chunk.count)
        var sealed = unsafe MutableSpan(_unsafeElements: chunk.sealed)
        stream.withLock { stream in
            stream.push(contents, tag: chunk.tag ?? .message, associatedData: associatedData, into: &sealed)
        }
    }
}
