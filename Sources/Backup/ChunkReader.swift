import Secrets
import Synchronization

/// Gives authentic contents chunk by chunk, and says at the end whether that was all. A thread of its own opens them.
final class ChunkReader {
    private let input: Descriptor
    private var ring: ChunkRing
    /// Whether the input has ended, and whether the last chunk was given.
    private var isAtEnd = false
    private var isFinished = false
    private var number: UInt64 = 0
    private var done: UInt64
    private let total: UInt64?
    private let observer: BackupProgress.Observer

    /// Starts after a header that was checked.
    init(
        from input: consuming Descriptor, header: BackupHeader, key: borrowing BackupKey,
        observer: @escaping BackupProgress.Observer
    ) throws(BackupError) {
        let start = try input.read(upTo: SecretStream.headerSize)
        guard start.count == SecretStream.headerSize else { throw .truncated }
        let stream = SecretStream.Pull(key: key.fileKey(for: header.fileID), header: start)
        let opener = Opener(stream, associatedData: header.tag)
        done = UInt64(header.encoded.count + start.count)
        total = input.fileSize
        ring = try ChunkRing { opener.open($0) }
        self.input = input
        self.observer = observer
    }

    /// The next chunk's contents, valid until the next call; `nil` once the last chunk was given and nothing follows it.
    @unsafe func next() throws(BackupError) -> UnsafeRawBufferPointer? {
        if isFinished { return nil }
        if !ring.isReady { try readAhead() }
        guard let chunk = ring.take() else { throw .truncated }
        let isShort = chunk.count < Chunk.sealedSize
        switch chunk.tag {
        case nil: throw .damaged(isShort ? .end : .chunk(number))
        case .message: if isShort { throw .damaged(.end) }
        case .final: try expectNothingMore()
        }
        number += 1
        done += UInt64(chunk.count)
        try report()
        return unsafe UnsafeRawBufferPointer(
            rebasing:
                UnsafeRawBufferPointer(chunk.contents)[..<(chunk.count - SecretStream.overhead)])
    }

    /// Reads to the end and throws the contents away.
    func drain() throws(BackupError) {
        while try unsafe next() != nil {}
    }

    /// Copies all contents to `output`.
    func copy(to output: borrowing Descriptor) throws(BackupError) {
        while let contents = try unsafe next() {
            try unsafe output.write(Span(_unsafeBytes: contents)) { () throws(BackupError) in try report() }
        }
    }

    private func report() throws(BackupError) {
        try observer(BackupProgress(bytesDone: done, bytesTotal: total))
    }

    /// Fills the ring as far as the input goes.
    private func readAhead() throws(BackupError) {
        while !isAtEnd, !ring.isFull {
            let chunk = ring.next
            var sealed = unsafe MutableSpan(_unsafeElements: chunk.sealed)
            chunk.count = try input.read(into: &sealed) { () throws(BackupError) in try report() }
            isAtEnd = chunk.count < Chunk.sealedSize
            if chunk.count > 0 { ring.give() }
        }
    }

    /// Called before the last chunk's contents are given away, so that a lengthened file gives none of them.
    private func expectNothingMore() throws(BackupError) {
        if ring.isEmpty { try readAhead() }
        guard ring.isEmpty else { throw .trailingBytes }
        isFinished = true
    }
}

/// The stream's receiving end, for the ring's thread. Nothing is opened any more after what was not authentic.
private final class Opener: Sendable {
    private let stream: Mutex<SecretStream.Pull?>
    private let associatedData: [UInt8]

    init(_ stream: consuming sending SecretStream.Pull, associatedData: [UInt8]) {
        self.stream = Mutex(stream)
        self.associatedData = associatedData
    }

    func open(_ chunk: Chunk) {
        let sealed = unsafe Span(_unsafeElements: chunk.sealed).extracting(first: chunk.count)
        var contents = unsafe MutableSpan(_unsafeElements: chunk.contents)
        stream.withLock { stream in
            do throws(AEADError) {
                chunk.tag = try stream?.pull(sealed, associatedData: associatedData, into: &contents)
            } catch {
                chunk.tag = nil
            }
            if chunk.tag == nil { stream = nil }
        }
    }
}
