import Glibc

/// One thing in an archive. Names are bytes, whatever they say.
struct ArchiveEntry {
    enum Kind {
        case folder
        /// A file of so many bytes.
        case file(size: Int64)
        case symbolicLink(target: [UInt8])
        /// Another name of a file earlier in the archive.
        case hardLink(target: [UInt8])
    }

    /// The path below the root, which is `.` itself.
    var name: [UInt8]
    var kind: Kind
    /// Permissions, with the set-id and sticky bits as they are on the disk.
    var mode: mode_t
    /// When the contents were written last.
    var modified: timespec
}
