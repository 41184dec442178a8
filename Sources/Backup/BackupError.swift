import Glibc

/// Why a backup file was not written or not restored. None of these spends a guess, and none leaves anything under
/// the final name.
public enum BackupError: Error, Hashable, Sendable {
    /// The file does not begin like a backup.
    case notABackup
    /// A version this program does not know.
    case unsupportedVersion(UInt16)
    /// Something is not as it was written.
    case damaged(Place)
    /// The file ends at the border of a chunk, before its last one.
    case truncated
    /// Bytes follow the last chunk.
    case trailingBytes
    /// The backup is locked with another key.
    case wrongKey
    /// The stanzas do not fit into a header.
    case headerTooLarge
    /// The disk or the quota is full.
    case noSpace
    /// The folder to restore into exists and is not an empty folder.
    case targetNotEmpty
    /// What is to be written would replace something that is no file.
    case targetNotAFile
    /// The backup holds one stream, and a folder was to be restored.
    case notATree
    /// An entry that would leave the target folder, or that no backup of ours holds.
    case unsafeEntry(name: String)
    /// Folders nested deeper than 256 levels.
    case nestedTooDeep(name: String)
    /// The observer of the progress asked to stop.
    case interrupted
    /// A system call failed with this `errno`.
    case io(code: Int32, doing: String)

    /// Where a damage was found.
    public enum Place: Hashable, Sendable {
        /// Before the first chunk.
        case header
        /// In the chunk of this number, counted from 0.
        case chunk(UInt64)
        /// In the last chunk: cut short, changed, or followed by other bytes.
        case end
        /// Authentic, and yet no archive this program writes.
        case contents
    }
}

extension BackupError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notABackup:
            "This is not a Tenpin backup; choose the file that `tenpin backup` wrote."
        case .unsupportedVersion(let version):
            "This backup has format version \(version); use a newer Tenpin to read it."
        case .damaged(.header):
            "The backup's header was changed or damaged; take another copy of the file."
        case .damaged(.chunk(let number)):
            "The backup is damaged in chunk \(number) (64 KiB each); take another copy of the file."
        case .damaged(.end):
            "The backup's end is cut short, damaged or followed by other bytes; take another copy of the file."
        case .damaged(.contents):
            "The backup is authentic but holds something this Tenpin does not restore; use the version that wrote it."
        case .truncated:
            "The backup file ends too early; take a complete copy of it."
        case .trailingBytes:
            "Other bytes follow the end of the backup; take an unchanged copy of the file."
        case .wrongKey:
            "This key does not open this backup; use the key or the digits made with it. No guess was spent."
        case .headerTooLarge:
            "There are too many ways to the key for one header; remove some of them."
        case .noSpace:
            "The disk or your quota is full; free some space and start again, nothing was kept of this attempt."
        case .targetNotEmpty:
            "The target exists already; name a folder that does not exist or is empty."
        case .targetNotAFile:
            "The target exists and is not a file; name another one, or write to standard output."
        case .notATree:
            "This backup holds a single stream; name a file to restore it to, or use standard output."
        case .unsafeEntry(let name):
            "The backup holds \(name), which does not belong in a backup; nothing was restored, ask who made it."
        case .nestedTooDeep(let name):
            "\(name) is nested deeper than \(maximumDepth) folders; back up a folder further down by itself."
        case .interrupted:
            "Stopped as you asked; nothing was kept of this attempt."
        case .io(let code, let doing):
            "\(doing) failed: \(message(of: code)); put that right and try again."
        }
    }

    /// The error for a system call that has just failed.
    static func system(_ doing: String, code: Int32 = errno) -> BackupError {
        code == ENOSPC || code == EDQUOT ? .noSpace : .io(code: code, doing: doing)
    }
}

/// The most levels of folders in a backup: each level holds one open descriptor.
let maximumDepth = 256

private func message(of code: Int32) -> String {
    var text = [CChar](repeating: 0, count: 256)
    guard unsafe strerror_r(code, &text, text.count) == 0 else { return "error \(code)" }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
