import Glibc
import Secrets

/// A place in a folder that is held open, so that a temporary neighbour and the final name are on one file system.
struct TargetPath: ~Copyable {
    let folder: Descriptor
    let name: [UInt8]
    /// Something else in the same folder: hidden, and so random that nobody else has it.
    let temporaryName: [UInt8]

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
        temporaryName = SecretBytes(random: 8).withBytes { (bytes: Span<UInt8>) in
            Array(".tenpin-\(bytes.indices.map { String(bytes[$0], radix: 16) }.joined()).part".utf8)
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
