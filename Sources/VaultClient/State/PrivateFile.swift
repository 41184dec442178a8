import Glibc
import Secrets

/// Files and folders that only their owner reads, written whole or not at all.
enum PrivateFile {
    /// Makes the folder (0700), with the ones above it.
    static func makeFolder(_ path: String) throws(DeviceStateError) {
        guard unsafe mkdir(path, 0o700) != 0 else { return }
        switch errno {
        case EEXIST: return
        case ENOENT:
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { fallthrough }
            try makeFolder(String(path[..<slash]))
            guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .system(path, errno) }
        default: throw .system(path, errno)
        }
    }

    /// The contents, at most `limit` bytes; `nil` when there is no such file. Refused when others may read it.
    static func read(_ path: String, limit: Int) throws(DeviceStateError) -> SecretBytes? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw .system(path, errno)
        }
        defer { close(file) }
        var facts = stat()
        guard unsafe fstat(file, &facts) == 0 else { throw .system(path, errno) }
        guard facts.st_mode & S_IFMT == S_IFREG, facts.st_size <= limit else { throw .damaged(path) }
        guard facts.st_mode & 0o077 == 0 else { throw .readableByOthers(path) }
        let size = Int(facts.st_size)
        return try SecretBytes(count: size) { (bytes: inout MutableSpan<UInt8>) throws(DeviceStateError) in
            var offset = 0
            while offset < size {
                let count = unsafe bytes.withUnsafeMutableBytes { raw in
                    unsafe Glibc.read(file, raw.baseAddress?.advanced(by: offset), size - offset)
                }
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw .system(path, errno) }
                guard count > 0 else { throw .damaged(path) }
                offset += count
            }
        }
    }

    /// Writes `folder/name` (0600) so that a crash leaves the old contents or the new ones. One writer at a time.
    static func write(_ contents: borrowing SecretBytes, to name: String, in folder: String) throws(DeviceStateError) {
        let path = "\(folder)/\(name)"
        let fresh = "\(path).new"
        do throws(DeviceStateError) {
            try writeDurably(contents, to: fresh)
            guard unsafe rename(fresh, path) == 0 else { throw .system(path, errno) }
        } catch {
            unsafe unlink(fresh)
            throw error
        }
        let directory = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .system(folder, errno) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw .system(folder, errno) }
    }

    private static func writeDurably(_ contents: borrowing SecretBytes, to path: String) throws(DeviceStateError) {
        unsafe unlink(path)
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .system(path, errno) }
        defer { close(file) }
        try contents.withBytes { (bytes: Span<UInt8>) throws(DeviceStateError) in
            var offset = 0
            while offset < bytes.count {
                let count = unsafe bytes.withUnsafeBytes { raw in
                    unsafe Glibc.write(file, raw.baseAddress?.advanced(by: offset), raw.count - offset)
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw .system(path, errno) }
                offset += count
            }
        }
        guard fsync(file) == 0 else { throw .system(path, errno) }
    }
}

/// A lock that one process holds on a folder; it ends with the value, and with the process.
@safe struct FolderLock: ~Copyable, Sendable {
    private let file: Int32

    init(_ folder: String) throws(DeviceStateError) {
        let path = "\(folder)/lock"
        file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .system(path, errno) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(file)
            throw code == EWOULDBLOCK ? .inUse : .system(path, code)
        }
    }

    deinit {
        // By name: a program that is just being started may have this file open still, and would keep the lock.
        flock(file, LOCK_UN)
        close(file)
    }
}

/// What is wrong with the device's own files. No guess was spent, and nothing was overwritten.
public enum DeviceStateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is not what this program wrote.
    case damaged(String)
    /// A line of the pinned vaults that is not one.
    case badLine(String, Int)
    /// A setting that cannot be understood, or is out of range.
    case badSetting(String)
    /// The file is of a later version.
    case laterVersion(String)
    /// The file's permissions let others read it.
    case readableByOthers(String)
    /// Another process works on this account.
    case inUse
    /// The file is another account's.
    case otherAccount(String)
    /// The system refused, with this `errno`.
    case system(String, Int32)

    public var description: String {
        switch self {
        case .damaged(let path):
            "\(path) is damaged and was left as it is; put back a copy, or move it away and recover with your password."
        case .badLine(let path, let line): "Line \(line) of \(path) is not a pinned vault; correct or remove it."
        case .badSetting(let path): "\(path) is not what `tenpin tune --save` writes; correct or remove it."
        case .laterVersion(let path): "\(path) was written by a later version; use that."
        case .readableByOthers(let path): "\(path) can be read by others; check who did, and run chmod 600 on it."
        case .inUse: "Another tenpin works on this account; wait until it has ended."
        case .otherAccount(let path): "\(path) belongs to another account and was left as it is; put back a copy."
        case .system(let path, let code): "\(path): \(unsafe String(cString: strerror(code))); nothing was lost."
        }
    }
}
