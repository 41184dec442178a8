import Glibc
import Secrets

@testable import Backup

/// What backup files are read from here: memory with a descriptor, one for reading and one for what is written.
enum BackupInput {
    static let source = memoryFile()
    static let sink = memoryFile()

    /// A file without a name, in memory.
    private static func memoryFile() -> Int32 {
        var path = Array("/dev/shm/tenpin-fuzz-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        guard file >= 0, unlink(path) == 0 else { preconditionFailure("no file in memory") }
        return file
    }

    /// The backup whose bytes these are.
    static func open(_ bytes: [UInt8]) throws(BackupError) -> BackupFile {
        fill(source, bytes)
        return try BackupFile(opening: .descriptor(source))
    }

    /// Makes `bytes` the contents of one of the two, to be read from the start.
    static func fill(_ file: Int32, _ bytes: [UInt8]) {
        guard ftruncate(file, 0) == 0, pwrite(file, bytes, bytes.count, 0) == bytes.count, lseek(file, 0, SEEK_SET) == 0
        else { preconditionFailure("no memory for an input") }
    }

    /// All that was written.
    static func contents(of file: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(lseek(file, 0, SEEK_END)))
        let count = pread(file, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, count)))
    }

    static let key = key(of: 7)
    static let otherKey = key(of: 8)

    private static func key(of byte: UInt8) -> BackupKey {
        guard let key = BackupKey(SecretBytes(copying: [UInt8](repeating: byte, count: 32).span)) else {
            preconditionFailure("a backup key has 32 bytes")
        }
        return key
    }

    /// A backup of these contents, made by the product.
    static func seal(
        _ contents: [UInt8], as content: BackupHeader.Content, stanzas: [Stanza] = []
    ) throws(BackupError) -> [UInt8] {
        let header = try BackupHeader(content: content, key: key, generation: 3, stanzas: stanzas)
        fill(sink, [])
        try BackupFile.write(
            header, to: .descriptor(sink), key: key, total: nil, observer: { (_) throws(BackupError) in }
        ) { (chunks, _) throws(BackupError) in try chunks.write(contents.span) }
        return self.contents(of: sink)
    }
}
