import ArgumentParser
import Foundation

/// Files that fit into memory: receipts and challenges.
enum SmallFile {
    /// The contents, at most `limit` bytes.
    static func read(_ path: String, limit: Int) throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: limit + 1) ?? Data()
        else { throw ValidationError("\(path) cannot be read.") }
        return Array(data)
    }

    /// Writes a new file; what is there already stays.
    static func write(_ bytes: [UInt8], to path: String) throws {
        do {
            try Data(bytes).write(to: URL(filePath: path), options: .withoutOverwriting)
        } catch CocoaError.fileWriteFileExists {
            throw ValidationError("\(path) is there already; name another file.")
        } catch {
            throw ValidationError("\(path) cannot be written; check the folder and its free space.")
        }
    }
}
