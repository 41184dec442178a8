import Glibc

/// Reads a folder or a file from the disk into an archive: names, permissions, times, links, empty folders. Owners,
/// access lists and extended attributes stay behind; holes in files become zeros.
struct TreeReader: ~Copyable {
    private let archive: ArchiveWriter
    private let output: FileIdentity
    private var linked = LinkedFiles()
    private(set) var warnings: [BackupWarning] = []

    /// - Parameter output: the file that the backup is written to, which does not go into itself.
    init(into archive: ArchiveWriter, output: FileIdentity) {
        self.archive = archive
        self.output = output
    }

    /// Adds the folder at `path` as the root, or the file there under its own name. A link at `path` is followed.
    mutating func add(_ path: String) throws(BackupError) {
        let path = Array(path.utf8)
        // Not blocking, in case it is a pipe.
        let top = try Descriptor(opening: path, O_RDONLY | O_NONBLOCK)
        let status = try top.status()
        if status.isFolder {
            try addFolder(top, name: Array(".".utf8), depth: 0)
        } else if status.isFile {
            try addFile(top, name: path.split(separator: UInt8(ascii: "/")).last.map { Array($0) } ?? path)
        } else {
            throw .io(code: ENOTSUP, doing: "Backing up \(printable(path))")
        }
    }

    private mutating func addFolder(
        _ folder: borrowing Descriptor, name: [UInt8], depth: Int
    ) throws(BackupError) {
        guard depth <= maximumDepth else { throw .nestedTooDeep(name: printable(name)) }
        try archive.begin(ArchiveEntry(name: name, kind: .folder, status: try folder.status()))
        let listing = try FolderListing(folder)
        // The fault: 1. a file is renamed away and made anew while its folder is read; 2. the listing gives its name
        // twice; 3. no restore takes a name twice.
        var names: Set<[UInt8]> = []
        while let entry = try listing.next() {
            guard names.insert(entry).inserted else { continue }
            let path = depth == 0 ? entry : name + [UInt8(ascii: "/")] + entry
            do throws(BackupError) {
                try add(entry, in: folder, name: path, depth: depth + 1)
            } catch .io(ENOENT, _) {
                warnings.append(.vanished(name: printable(path)))
            }
        }
    }

    private mutating func add(
        _ entry: [UInt8], in folder: borrowing Descriptor, name: [UInt8], depth: Int
    ) throws(BackupError) {
        guard let status = try status(of: entry, in: folder) else { throw .io(code: ENOENT, doing: "") }
        if status.identity == output {
            warnings.append(.ownOutput(name: printable(name)))
        } else if status.isFolder {
            let subfolder = try Descriptor(
                opening: entry, in: folder.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown: name)
            try addFolder(subfolder, name: name, depth: depth)
        } else if status.isFile {
            let file = try Descriptor(
                opening: entry, in: folder.number, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, shown: name)
            try addFile(file, name: name)
        } else if status.isSymbolicLink {
            let target = try readLink(entry, in: folder)
            try archive.begin(ArchiveEntry(name: name, kind: .symbolicLink(target: target), status: status))
        } else {
            warnings.append(.specialFile(name: printable(name)))
        }
    }

    private mutating func addFile(_ file: borrowing Descriptor, name: [UInt8]) throws(BackupError) {
        let before = try file.status()
        // It was one a moment ago.
        guard before.isFile else { return warnings.append(.specialFile(name: printable(name))) }
        if let first = linked.firstName(of: before, elseKeeping: name) {
            return try archive.begin(ArchiveEntry(name: name, kind: .hardLink(target: first), status: before))
        }
        try archive.begin(ArchiveEntry(name: name, kind: .file(size: Int64(before.st_size)), status: before))
        var left = Int(before.st_size)
        while left > 0 {
            let count = try archive.write(from: file, upTo: left)
            if count == 0 { break }
            left -= count
        }
        let after = try file.status()
        if left > 0 || after.st_size != before.st_size || after.st_mtim != before.st_mtim {
            warnings.append(.changed(name: printable(name)))
        } else if before.st_size == 0, !file.isAtEnd {
            warnings.append(.saysEmpty(name: printable(name)))
        }
    }

    private func readLink(_ entry: [UInt8], in folder: borrowing Descriptor) throws(BackupError) -> [UInt8] {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlinkat(folder.number, cString(entry), &target, target.count)
        guard count >= 0 else { throw .system("Reading the link \(printable(entry))") }
        return target.prefix(count).map(UInt8.init(bitPattern:))
    }
}

extension ArchiveEntry {
    fileprivate init(name: [UInt8], kind: Kind, status: stat) {
        self.init(name: name, kind: kind, mode: status.st_mode & 0o7777, modified: status.st_mtim)
    }
}

extension timespec {
    fileprivate static func != (one: timespec, other: timespec) -> Bool {
        one.tv_sec != other.tv_sec || one.tv_nsec != other.tv_nsec
    }
}
