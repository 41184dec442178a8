import Glibc

/// A file descriptor that is closed at the end of its life, unless it belongs to somebody else.
struct Descriptor: ~Copyable {
    let number: Int32
    private let isOwned: Bool
    /// A regular file is always ready; a pipe or a terminal has somebody at its other end to wait for.
    private let isFile: Bool

    /// A descriptor that somebody else closes, such as standard output.
    init(borrowing number: Int32) { self.init(number, isOwned: false, isFile: openStatus(number)?.isFile ?? false) }

    /// An open descriptor that is closed with this value.
    init(owning number: Int32) { self.init(number, isOwned: true, isFile: openStatus(number)?.isFile ?? false) }

    private init(_ number: Int32, isOwned: Bool, isFile: Bool) {
        self.number = number
        self.isOwned = isOwned
        self.isFile = isFile
    }

    /// Opens `name` in `folder` (or, at `AT_FDCWD`, a path) with O_CLOEXEC. An error calls it `shown`.
    init(
        opening name: [UInt8], in folder: Int32 = AT_FDCWD, _ flags: Int32, mode: mode_t = 0, shown: [UInt8]? = nil
    ) throws(BackupError) {
        let number = retrying { unsafe openat(folder, cString(name), flags | O_CLOEXEC, mode) }
        guard number >= 0 else { throw .system("Opening \(printable(shown ?? name))") }
        self.init(owning: number)
    }

    deinit { if isOwned { close(number) } }

    /// A second handle for the length of somebody's work with this one.
    var lent: Descriptor { Descriptor(number, isOwned: false, isFile: isFile) }

    /// Fills `bytes`, or so many of them, as far as the input goes; the number of bytes read is smaller only at its end.
    /// `check` is asked now and then while a pipe or a terminal gives nothing, and may throw.
    func read(
        into bytes: inout MutableSpan<UInt8>, upTo limit: Int = .max,
        check: () throws(BackupError) -> Void = { () throws(BackupError) in }
    ) throws(BackupError) -> Int {
        try unsafe bytes.withUnsafeMutableBytes { (buffer) throws(BackupError) in
            let count = min(buffer.count, limit)
            var done = 0
            while done < count {
                while !isFile, !isReady(for: POLLIN) { try check() }
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done..<count])
                let added = retrying { unsafe Glibc.read(number, rest.baseAddress, rest.count) }
                guard added >= 0 else { throw .system("Reading") }
                if added == 0 { break }
                done += added
            }
            return done
        }
    }

    /// How long to wait for the other end before `check` is asked, in milliseconds.
    private static let patience: Int32 = 200

    /// Waits until a read gives, or a write takes, something, the end or an error. A signal is no reason to go on.
    private func isReady(for event: Int32) -> Bool {
        var descriptor = pollfd(fd: number, events: Int16(event), revents: 0)
        let count = unsafe poll(&descriptor, 1, Self.patience)
        return count > 0 || count < 0 && errno != EINTR
    }

    /// At most `count` bytes; fewer only at the end of the input.
    func read(
        upTo count: Int, check: () throws(BackupError) -> Void = { () throws(BackupError) in }
    ) throws(BackupError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let size = try read(into: &span, check: check)
        return Array(bytes.prefix(size))
    }

    /// Writes all of `bytes`. `check` is asked now and then while a pipe or a terminal takes nothing, and may throw.
    func write(
        _ bytes: Span<UInt8>, check: () throws(BackupError) -> Void = { () throws(BackupError) in }
    ) throws(BackupError) {
        // A pipe that is ready takes this much at once, and does not block (pipe(7)).
        let most = isFile ? bytes.count : Int(PIPE_BUF)
        try unsafe bytes.withUnsafeBytes { (buffer) throws(BackupError) in
            var done = 0
            while done < buffer.count {
                while !isFile, !isReady(for: POLLOUT) { try check() }
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[done...].prefix(most))
                let count = retrying { unsafe Glibc.write(number, rest.baseAddress, rest.count) }
                guard count >= 0 else { throw .system("Writing") }
                done += count
            }
        }
    }

    /// Whether a read gives nothing, by reading; what cannot be read is not at its end.
    var isAtEnd: Bool {
        var byte: UInt8 = 0
        return retrying { unsafe Glibc.read(number, &byte, 1) } == 0
    }

    /// Has the file system say what it says of the writing at a close: with FUSE and NFS, that it came to nothing. What is
    /// closed is a second number for it, so that a lock on the file stays.
    func flush() throws(BackupError) {
        let result = retrying {
            let second = fcntl(number, F_DUPFD_CLOEXEC, 0)
            return second < 0 ? second : close(second)
        }
        guard result == 0 else { throw .system("Writing") }
    }

    /// What the descriptor stands for.
    func status() throws(BackupError) -> stat {
        guard let status = openStatus(number) else { throw .system("Looking at an open file") }
        return status
    }

    /// The size of a regular file in bytes; `nil` for pipes and terminals.
    var fileSize: UInt64? {
        guard isFile, let status = try? status() else { return nil }
        return UInt64(status.st_size)
    }
}

/// What an open descriptor stands for.
private func openStatus(_ number: Int32) -> stat? {
    var status = stat()
    return unsafe fstat(number, &status) == 0 ? status : nil
}

/// Repeats a system call for as long as signals interrupt it.
func retrying<I: SignedInteger>(_ call: () -> I) -> I {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

/// A name or a path as the system takes it: its bytes, whatever they are, and a zero.
func cString(_ name: [UInt8]) -> [CChar] { name.map(CChar.init(bitPattern:)) + [0] }

/// What is at `name` in `folder`, a link not followed; `nil` if nothing is.
func status(of name: [UInt8], in folder: borrowing Descriptor) throws(BackupError) -> stat? {
    var status = stat()
    if unsafe fstatat(folder.number, cString(name), &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
    if errno == ENOENT { return nil }
    throw .system("Looking at \(printable(name))")
}

/// Which file this is, whatever its name.
struct FileIdentity: Hashable {
    let device: dev_t
    let number: ino_t
}

extension stat {
    var identity: FileIdentity { FileIdentity(device: st_dev, number: st_ino) }
    var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
    var isFile: Bool { st_mode & S_IFMT == S_IFREG }
    var isSymbolicLink: Bool { st_mode & S_IFMT == S_IFLNK }
}
