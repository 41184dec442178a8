import Glibc
import Secrets

/// A place in a folder that is held open, so that a temporary neighbour and the final name are on one file system.
struct TargetPath: ~Copyable {
    let folder: Descriptor
    let name: [UInt8]
    /// Something else in the same folder: hidden, and so random that nobody else has it.
    let temporaryName: [UInt8]
    /// How such names for this target begin. A name has at most 255 bytes.
    private let prefix: [UInt8]

    /// Follows symbolic links where the target exists, so that it is the file that is replaced and not the link.
    init(_ path: String) throws(BackupError) {
        var resolved = Array(path.utf8)
        if let real = unsafe realpath(path, nil) {
            resolved = unsafe Array(UnsafeRawBufferPointer(start: real, count: strlen(real)))
            unsafe free(real)
        }
        while resolved.count > 1, resolved.last == UInt8(ascii: "/") { resolved.removeLast() }
        let start = resolved.lastIndex(of: UInt8(ascii: "/"))
        let name = Array(resolved[(start.map { $0 + 1 } ?? 0)...])
        guard !name.isEmpty, name != [UInt8](".".utf8), name != [UInt8]("..".utf8) else {
            throw .io(code: ENOENT, doing: "Writing to “\(printable(resolved))”")
        }
        let parent = start.map { $0 == 0 ? Array("/".utf8) : Array(resolved[..<$0]) } ?? Array(".".utf8)
        folder = try Descriptor(opening: parent, O_RDONLY | O_DIRECTORY)
        self.name = name
        prefix = Array(".tenpin-".utf8) + name.prefix(100) + [UInt8(ascii: "-")]
        temporaryName =
            prefix
            + SecretBytes(random: 8).withBytes { (bytes: Span<UInt8>) in
                Array("\(bytes.indices.map { String(bytes[$0], radix: 16) }.joined()).part".utf8)
            }
    }

    /// Has `make` make the temporary neighbour, and holds a lock on it as long as the descriptor lives: one without a lock
    /// was left by a run that was killed, and is removed here first.
    func temporary(_ make: () throws(BackupError) -> Descriptor) throws(BackupError) -> Descriptor {
        removeStale()
        while true {
            let made = try make()
            _ = retrying { flock(made.number, LOCK_EX) }
            // Another run may have taken it for a stale one before it was locked.
            let there = try status(of: temporaryName, in: folder)
            if there?.identity == (try made.status().identity) { return made }
        }
    }

    private func removeStale() {
        do throws(BackupError) {
            let listing = try FolderListing(folder.lent)
            while let name = try listing.next() {
                if name.starts(with: prefix), name.suffix(5) == Array(".part".utf8)[...] { removeIfStale(name) }
            }
        } catch {
            // A folder that may not be listed keeps what is in it.
        }
    }

    private func removeIfStale(_ name: [UInt8]) {
        do throws(BackupError) {
            let left = try Descriptor(opening: name, in: folder.number, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            let facts = try left.status()
            // In a folder that others write to, theirs are not ours to remove.
            guard facts.st_uid == geteuid(), facts.isFile || facts.isFolder,
                flock(left.number, LOCK_EX | LOCK_NB) == 0,
                try status(of: name, in: folder)?.identity == facts.identity
            else { return }
            if unsafe unlinkat(folder.number, cString(name), 0) != 0 { removeTree(name, in: folder.number) }
        } catch {
            // What cannot be opened is left.
        }
    }

    /// Gives the temporary neighbour the final name.
    func rename() throws(BackupError) {
        guard unsafe renameat(folder.number, cString(temporaryName), folder.number, cString(name)) == 0 else {
            if errno == ENOTEMPTY || errno == EEXIST { throw .targetNotEmpty }
            throw .system("Renaming to \(printable(name))")
        }
        // Complete under its name now. Some file systems cannot sync a folder, and then a crash may undo the renaming.
        fsync(folder.number)
    }
}
