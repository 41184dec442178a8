import Glibc
import Secrets

/// A backup file: its header, read; its contents, still locked.
///
/// All work here blocks. Memory stays the same whatever the size of the contents, but for the names in
/// the folders that are being read.
public struct BackupFile: ~Copyable {
    /// What goes into a backup.
    public enum Source: Sendable {
        /// A folder with everything in it, or a single file with its name, permissions and time.
        case tree(String)
        /// What an open descriptor gives until its end, as standard input; it stays open.
        case stream(Int32)
    }

    /// Where a backup is written to or read from.
    public enum Place: Sendable {
        /// A file. Written, it appears complete or not at all, in place of what was there before.
        case file(String)
        /// An open descriptor, as standard output or standard input; it stays open.
        case descriptor(Int32)
    }

    /// Where the contents go.
    public enum Target: Sendable {
        /// A folder that does not exist or is empty. It appears complete or not at all.
        case folder(String)
        /// A file that appears complete or not at all. From an archive it gets the tar archive itself.
        case file(String)
        /// An open descriptor, as standard output. It sees authentic contents before it is known that none are missing
        /// at the end: who reads there must wait for success before using them.
        case descriptor(Int32)
    }

    /// What the file says of itself, unproven until the key is there.
    public let header: BackupHeader
    private let input: Descriptor

    /// Opens a backup and reads its header; needs no key.
    public init(opening place: Place) throws(BackupError) {
        let input = try Descriptor(reading: place)
        if case .file(let path) = place, try input.status().isFolder {
            throw .io(code: EISDIR, doing: "Opening \(printable(Array(path.utf8)))")
        }
        header = try BackupHeader(from: input)
        self.input = input
    }

    /// Restores the contents: key id first, then the header's MAC, then chunk by chunk.
    public consuming func restore(
        with key: borrowing BackupKey, to target: Target,
        observer: @escaping BackupProgress.Observer = { _ throws(BackupError) in }
    ) throws(BackupError) {
        let content = header.content
        let chunks = try unlock(with: key, observer: observer)
        switch target {
        case .folder(let path):
            guard content == .archive else { throw .notATree }
            let folder = try AtomicFolder(path: path)
            let archive = try ArchiveReader(from: chunks)
            var tree = TreeWriter(into: folder.descriptor)
            while let entry = try archive.next() { try tree.add(entry, from: archive) }
            try chunks.drain()
            try tree.finish()
            try folder.commit()
        case .file(let path):
            let file = try AtomicFile(path: path)
            try chunks.copy(to: file.descriptor)
            try file.commit()
        case .descriptor(let number):
            try chunks.copy(to: Descriptor(borrowing: number))
        }
    }

    /// Reads everything and keeps nothing: whether the file would restore.
    public consuming func verify(
        with key: borrowing BackupKey, observer: @escaping BackupProgress.Observer = { _ throws(BackupError) in }
    ) throws(BackupError) {
        try unlock(with: key, observer: observer).drain()
    }

    private consuming func unlock(
        with key: borrowing BackupKey, observer: @escaping BackupProgress.Observer
    ) throws(BackupError) -> ChunkReader {
        try header.check(key)
        return try ChunkReader(from: input, header: header, key: key, observer: observer)
    }

    /// Writes a new backup.
    ///
    /// - Parameters:
    ///   - generation: the generation of `key`.
    ///   - stanzas: the ways to `key`, at most 255 of them and 8 KiB together.
    /// - Returns: what is not in the backup as it is on the disk.
    public static func write(
        _ source: Source, to place: Place, key: borrowing BackupKey, generation: UInt32, stanzas: [Stanza],
        observer: @escaping BackupProgress.Observer = { _ throws(BackupError) in }
    ) throws(BackupError) -> [BackupWarning] {
        var warnings: [BackupWarning] = []
        switch source {
        case .tree(let path):
            let header = try BackupHeader(content: .archive, key: key, generation: generation, stanzas: stanzas)
            try write(header, to: place, key: key, total: nil, observer: observer) {
                (chunks, output) throws(BackupError) in
                let archive = try ArchiveWriter(into: chunks)
                var tree = TreeReader(into: archive, output: output)
                try tree.add(path)
                try archive.finish()
                warnings = tree.warnings
            }
        case .stream(let number):
            let header = try BackupHeader(content: .stream, key: key, generation: generation, stanzas: stanzas)
            try write(header, to: place, key: key, total: Descriptor(borrowing: number).fileSize, observer: observer) {
                (chunks, _) throws(BackupError) in
                try chunks.write(from: Descriptor(borrowing: number))
            }
        }
        return warnings
    }

    /// Writes a header and the chunks of what `contents` gives.
    static func write(
        _ header: BackupHeader, to place: Place, key: borrowing BackupKey, total: UInt64?,
        observer: @escaping BackupProgress.Observer,
        contents: (ChunkWriter, _ output: FileIdentity) throws(BackupError) -> Void
    ) throws(BackupError) {
        switch place {
        case .descriptor(let number):
            try write(header, to: Descriptor(borrowing: number), key: key, total: total, observer: observer, contents)
        case .file(let path):
            let file = try AtomicFile(path: path)
            try write(header, to: file.descriptor, key: key, total: total, observer: observer, contents)
            try file.commit()
        }
    }

    private static func write(
        _ header: BackupHeader, to output: consuming Descriptor, key: borrowing BackupKey, total: UInt64?,
        observer: @escaping BackupProgress.Observer,
        _ contents: (ChunkWriter, _ output: FileIdentity) throws(BackupError) -> Void
    ) throws(BackupError) {
        let identity = try output.status().identity
        let chunks = try ChunkWriter(to: output, header: header, key: key, total: total, observer: observer)
        try contents(chunks, identity)
        try chunks.finish()
    }
}

extension Descriptor {
    fileprivate init(reading place: BackupFile.Place) throws(BackupError) {
        switch place {
        case .file(let path): try self.init(opening: Array(path.utf8), O_RDONLY)
        case .descriptor(let number): self.init(borrowing: number)
        }
    }
}
