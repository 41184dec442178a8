import Secrets

/// Chunks hold 64 KiB of contents, but for the last; each is sealed by the secret stream, with the header's tag as
/// associated data, and so belongs to one place in one file.
enum Chunk {
    static let size = 65_536
    static let sealedSize = size + SecretStream.overhead
}

/// Encrypts contents into chunks. Memory: two chunks.
@safe final class ChunkWriter {
    private let output: Descriptor
    private var stream: SecretStream.Push
    private let associatedData: [UInt8]
    private let contents = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Chunk.size)
    private let sealed = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Chunk.sealedSize)
    private var filled = 0
    private var done: UInt64 = 0
    private let total: UInt64?
    private let observer: BackupProgress.Observer

    /// Writes the header and what the stream starts with.
    init(
        to output: consuming Descriptor, header: BackupHeader, key: borrowing BackupKey, total: UInt64?,
        observer: @escaping BackupProgress.Observer
    ) throws(BackupError) {
        stream = SecretStream.Push(key: key.fileKey(for: header.fileID))
        associatedData = header.tag
        self.output = output
        self.total = total
        self.observer = observer
        try self.output.write((header.encoded + stream.header).span)
    }

    deinit {
        unsafe contents.deallocate()
        unsafe sealed.deallocate()
    }

    /// Takes in contents of any size.
    func write(_ bytes: Span<UInt8>) throws(BackupError) {
        var done = 0
        while done < bytes.count {
            if filled == Chunk.size { try seal(.message) }
            let count = min(bytes.count - done, Chunk.size - filled)
            unsafe bytes.extracting(done..<done + count).withUnsafeBufferPointer { source in
                _ = unsafe contents[filled...].update(fromContentsOf: source)
            }
            filled += count
            done += count
        }
    }

    /// Takes in everything that `input` gives.
    func write(from input: borrowing Descriptor) throws(BackupError) {
        var buffer = [UInt8](repeating: 0, count: Chunk.size)
        while true {
            var span = buffer.mutableSpan
            let count = try input.read(into: &span) { () throws(BackupError) in try report() }
            if count == 0 { break }
            try write(buffer.span.extracting(first: count))
        }
    }

    /// Writes the last chunk, which may be empty.
    func finish() throws(BackupError) { try seal(.final) }

    private func seal(_ tag: SecretStream.Tag) throws(BackupError) {
        let message = unsafe Span(_unsafeElements: contents).extracting(first: filled)
        var span = unsafe MutableSpan(_unsafeElements: sealed)
        stream.push(message, tag: tag, associatedData: associatedData, into: &span)
        try output.write(span.span.extracting(first: filled + SecretStream.overhead))
        done += UInt64(filled)
        filled = 0
        try report()
    }

    private func report() throws(BackupError) {
        try observer(BackupProgress(bytesDone: done, bytesTotal: total))
    }
}

/// Gives authentic contents chunk by chunk, and says at the end whether that was all. Memory: two chunks.
@safe final class ChunkReader {
    private let input: Descriptor
    private var stream: SecretStream.Pull
    private let associatedData: [UInt8]
    private let contents: UnsafeMutableBufferPointer<UInt8>
    private let sealed: UnsafeMutableBufferPointer<UInt8>
    private var number: UInt64 = 0
    private var isFinished = false
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
        stream = SecretStream.Pull(key: key.fileKey(for: header.fileID), header: start)
        associatedData = header.tag
        done = UInt64(header.encoded.count + start.count)
        total = input.fileSize
        self.input = input
        self.observer = observer
        // Last: what throws before every property is set runs no `deinit`.
        unsafe contents = .allocate(capacity: Chunk.size)
        unsafe sealed = .allocate(capacity: Chunk.sealedSize)
    }

    deinit {
        unsafe contents.deallocate()
        unsafe sealed.deallocate()
    }

    /// The next chunk's contents, valid until the next call; `nil` once the last chunk was given and nothing follows it.
    @unsafe func next() throws(BackupError) -> UnsafeRawBufferPointer? {
        if isFinished { return nil }
        var span = unsafe MutableSpan(_unsafeElements: sealed)
        let count = try input.read(into: &span) { () throws(BackupError) in try report() }
        guard count > 0 else { throw .truncated }
        let isShort = count < Chunk.sealedSize
        let tag: SecretStream.Tag
        do throws(AEADError) {
            var opened = unsafe MutableSpan(_unsafeElements: contents)
            tag = try stream.pull(
                span.span.extracting(first: count), associatedData: associatedData, into: &opened)
        } catch {
            throw .damaged(isShort ? .end : .chunk(number))
        }
        switch tag {
        case .message: if isShort { throw .damaged(.end) }
        case .final: try expectNothingMore()
        }
        number += 1
        done += UInt64(count)
        try report()
        return unsafe UnsafeRawBufferPointer(
            UnsafeBufferPointer(rebasing: contents[..<(count - SecretStream.overhead)]))
    }

    private func report() throws(BackupError) {
        try observer(BackupProgress(bytesDone: done, bytesTotal: total))
    }

    /// Reads to the end and throws the contents away.
    func drain() throws(BackupError) {
        while try unsafe next() != nil {}
    }

    /// Copies all contents to `output`.
    func copy(to output: borrowing Descriptor) throws(BackupError) {
        while let contents = try unsafe next() { try unsafe output.write(Span(_unsafeBytes: contents)) }
    }

    /// Called before the last chunk's contents are given away, so that a lengthened file gives none of them.
    private func expectNothingMore() throws(BackupError) {
        let rest = try input.read(upTo: 1) { () throws(BackupError) in try report() }
        guard rest.isEmpty else { throw .trailingBytes }
        isFinished = true
    }
}
