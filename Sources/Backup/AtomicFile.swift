import Glibc

/// A file that appears under its name when it is complete, or not at all. Only its owner may read it.
struct AtomicFile: ~Copyable {
    private let target: TargetPath
    private let file: Descriptor

    /// Makes a temporary file beside `path`.
    init(path: String) throws(BackupError) {
        let target = try TargetPath(path)
        // The attack: 1. root restores to /dev/null; 2. the rename puts a file in the device's place.
        if let status = try status(of: target.name, in: target.folder), !status.isFile { throw .targetNotAFile }
        file = try target.temporary { () throws(BackupError) in
            try Descriptor(
                opening: target.temporaryName, in: target.folder.number,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        }
        self.target = target
    }

    /// Where to write.
    var descriptor: Descriptor { file.lent }

    /// Puts the file in place of what was there before, on the disk.
    consuming func commit() throws(BackupError) {
        guard fsync(file.number) == 0 else { throw .system("Writing") }
        try file.flush()
        try target.rename()
    }

    // After a commit nothing has this name any more, and nothing is removed.
    deinit { unsafe unlinkat(target.folder.number, cString(target.temporaryName), 0) }
}
