import CArchive
import Glibc

/// A folder that appears under its name when it is complete, or not at all.
struct AtomicFolder: ~Copyable {
    private let target: TargetPath
    private let root: Descriptor

    /// Makes a temporary folder beside `path`, which must not exist or be an empty folder.
    init(path: String) throws(BackupError) {
        let target = try TargetPath(path)
        if let status = try status(of: target.name, in: target.folder) {
            guard status.isFolder else { throw .targetNotEmpty }
            // Renaming would fail at the very end.
            guard status.st_dev == (try target.folder.status().st_dev) else {
                throw .io(code: EBUSY, doing: "Restoring to a mount point, and not to a folder in it,")
            }
            let folder = try Descriptor(opening: target.name, in: target.folder.number, O_RDONLY | O_DIRECTORY)
            guard try FolderListing(folder).next() == nil else { throw .targetNotEmpty }
        }
        root = try target.temporary { () throws(BackupError) in
            guard unsafe mkdirat(target.folder.number, cString(target.temporaryName), 0o700) == 0 else {
                throw .system("Creating a folder beside \(path)")
            }
            do throws(BackupError) {
                return try Descriptor(
                    opening: target.temporaryName, in: target.folder.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            } catch {
                unsafe unlinkat(target.folder.number, cString(target.temporaryName), AT_REMOVEDIR)
                throw error
            }
        }
        self.target = target
    }

    /// The folder to write into.
    var descriptor: Descriptor { root.lent }

    /// Puts the folder in its place, with all that is in it on the disk.
    consuming func commit() throws(BackupError) {
        guard syncfs(root.number) == 0 else { throw .system("Writing") }
        try target.rename()
    }

    // After a commit nothing has this name any more, and nothing is removed.
    deinit { removeTree(target.temporaryName, in: target.folder.number) }
}

/// Removes what `name` stands for, never following a link. Best effort: it cleans up after another error.
func removeTree(_ name: [UInt8], in folder: Int32) {
    do throws(BackupError) {
        let subfolder = try Descriptor(opening: name, in: folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        fchmod(subfolder.number, 0o700)
        let listing = try FolderListing(subfolder.lent)
        while let entry = try listing.next() {
            if unsafe unlinkat(subfolder.number, cString(entry), 0) != 0 { removeTree(entry, in: subfolder.number) }
        }
    } catch {
        // A folder without permissions to read it: an empty one is removed all the same.
    }
    unsafe unlinkat(folder, cString(name), AT_REMOVEDIR)
}
