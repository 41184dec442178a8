import Foundation

/// Writes a file whole or not at all, also when the power fails.
enum DurableFile {
    struct Failure: Error {}

    static func write(_ data: Data, to path: String) throws {
        let new = path + ".new"
        let file = unsafe open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure() }
        do {
            defer { close(file) }
            try FileHandle(fileDescriptor: file, closeOnDealloc: false).write(contentsOf: data)
            guard fsync(file) == 0, unsafe rename(new, path) == 0 else { throw Failure() }
        } catch {
            unsafe unlink(new)
            throw error
        }
        let folder = unsafe open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw Failure() }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw Failure() }
    }
}

/// JSON as people read it, and as scripts compare it.
public enum JSONText {
    /// Indented, keys in order.
    public static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }
}
