import Glibc

/// Writes an archive's entries into a folder, and nowhere else.
///
/// It takes only archives in the order in which `TreeReader` writes them: every entry lies in a folder that was made
/// from this archive and is still open. Names are looked up in open folders, one component at a time, and no link is ever followed;
/// so there is no path to trick. The attacks: 1. `../x` or `/x` as a name; 2. a link `a` to `/etc`, then a file `a/x`;
/// 3. a hard link to a file outside, then contents for it; 4. a device; 5. a program that runs as its owner. The first
/// four are refused, whole; of permissions the nine plain bits are kept.
struct TreeWriter: ~Copyable {
    /// A folder that more entries may go into, and what it becomes when no more do.
    private final class OpenFolder {
        let name: [UInt8]
        let descriptor: Descriptor
        let entry: ArchiveEntry

        init(name: [UInt8], descriptor: consuming Descriptor, entry: ArchiveEntry) {
            self.name = name
            self.descriptor = descriptor
            self.entry = entry
        }
    }

    private let root: Descriptor
    private var rootEntry: ArchiveEntry?
    private var open: [OpenFolder] = []
    private var isEmpty = true

    /// - Parameter root: a new, empty folder.
    init(into root: consuming Descriptor) { self.root = root }

    /// Makes what `entry` says; the contents of a file come from `archive`.
    mutating func add(_ entry: ArchiveEntry, from archive: ArchiveReader) throws(BackupError) {
        defer { isEmpty = false }
        guard var path = Self.components(of: entry.name) else { throw .unsafe(entry) }
        guard let name = path.popLast() else {
            guard isEmpty, case .folder = entry.kind else { throw .unsafe(entry) }
            rootEntry = entry
            return
        }
        while !path.starts(with: open.map(\.name)) { try closeFolder() }
        guard path.count == open.count else { throw .unsafe(entry) }

        let folder = open.last?.descriptor.number ?? root.number
        switch entry.kind {
        case .folder:
            guard open.count < maximumDepth else { throw .nestedTooDeep(name: printable(entry.name)) }
            try check(unsafe mkdirat(folder, cString(name), 0o700), entry)
            let descriptor = try Descriptor(opening: name, in: folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            open.append(OpenFolder(name: name, descriptor: descriptor, entry: entry))
        case .file:
            let number = retrying {
                unsafe openat(folder, cString(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            }
            try check(number, entry)
            let file = Descriptor(owning: number)
            try archive.copy(to: file)
            try finish(file.number, entry)
            try file.flush()
        case .symbolicLink(let target):
            try check(unsafe symlinkat(cString(target), folder, cString(name)), entry)
            let times = [entry.modified, entry.modified]
            try check(unsafe utimensat(folder, cString(name), times, AT_SYMLINK_NOFOLLOW), entry)
        case .hardLink(let target):
            try link(to: target, from: name, in: folder, entry)
        }
    }

    /// Gives the folders that are still open, and the root, their permissions and times.
    consuming func finish() throws(BackupError) {
        while !open.isEmpty { try closeFolder() }
        if let rootEntry { try finish(root.number, rootEntry) }
    }

    private mutating func closeFolder() throws(BackupError) {
        guard let folder = open.popLast() else { return }
        try finish(folder.descriptor.number, folder.entry)
    }

    private func finish(_ descriptor: Int32, _ entry: ArchiveEntry) throws(BackupError) {
        try check(fchmod(descriptor, entry.mode & 0o777), entry)
        let times = [entry.modified, entry.modified]
        try check(unsafe futimens(descriptor, times), entry)
    }

    /// A second name for a file of this archive, found from the root without following a link.
    private func link(to target: [UInt8], from name: [UInt8], in folder: Int32, _ entry: ArchiveEntry)
        throws(BackupError)
    {
        guard var path = Self.components(of: target), let file = path.popLast() else { throw .unsafe(entry) }
        var current = root.lent
        do throws(BackupError) {
            for component in path {
                current = try Descriptor(opening: component, in: current.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            }
        } catch {
            throw .unsafe(entry)
        }
        guard let status = try status(of: file, in: current), status.isFile else { throw .unsafe(entry) }
        try check(unsafe linkat(current.number, cString(file), folder, cString(name), 0), entry)
    }

    private func check(_ result: Int32, _ entry: ArchiveEntry) throws(BackupError) {
        if result >= 0 { return }
        if errno == EEXIST { throw .unsafe(entry) }
        throw .system("Restoring \(printable(entry.name))")
    }

    /// The names on the way to an entry; none for the root; `nil` for a path that is absolute or leads upwards.
    private static func components(of name: [UInt8]) -> [[UInt8]]? {
        var rest = name[...]
        if rest.last == UInt8(ascii: "/") { rest = rest.dropLast() }
        if rest.elementsEqual(".".utf8) { return [] }
        if rest.starts(with: "./".utf8) { rest = rest.dropFirst(2) }
        let parts = rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Array($0) }
        return parts.contains { $0.isEmpty || $0 == Array(".".utf8) || $0 == Array("..".utf8) } ? nil : parts
    }
}

extension BackupError {
    fileprivate static func unsafe(_ entry: ArchiveEntry) -> BackupError { .unsafeEntry(name: printable(entry.name)) }
}
