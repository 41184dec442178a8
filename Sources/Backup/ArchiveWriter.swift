import CArchive
import Glibc

/// Writes a tar archive (POSIX pax, by libarchive) into chunks.
@safe final class ArchiveWriter {
    private let archive: OpaquePointer
    private let chunks: ChunkWriter
    /// What went wrong while libarchive wrote into the chunks; afterwards nothing is written any more.
    private var failure: BackupError?
    /// A file's contents that libarchive is about to hand on, from where they stay.
    private var lent: UnsafeRawPointer?

    init(into chunks: ChunkWriter) throws(BackupError) {
        guard let archive = unsafe archive_write_new() else { throw .io(code: ENOMEM, doing: "Starting an archive") }
        unsafe self.archive = archive
        self.chunks = chunks
        unsafe archive_write_set_format_pax(archive)
        // Names are bytes: without this libarchive reads them in the character set of the caller's locale.
        unsafe archive_write_set_format_option(archive, "pax", "hdrcharset", "BINARY")
        // No buffer of its own: the chunks are that.
        unsafe archive_write_set_bytes_per_block(archive, 0)
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        let status = unsafe archive_write_open(
            archive, me, nil,
            { _, me, bytes, count in
                guard let me = unsafe me, let bytes = unsafe bytes else { return -1 }
                let writer = unsafe Unmanaged<ArchiveWriter>.fromOpaque(me).takeUnretainedValue()
                return unsafe writer.take(UnsafeRawBufferPointer(start: bytes, count: count))
            }, nil)
        try check(status, "Starting an archive")
    }

    deinit {
        // Otherwise freeing would close, and write an end that makes half an archive look whole.
        unsafe archive_write_fail(archive)
        unsafe archive_write_free(archive)
    }

    /// Begins an entry; the contents of a file follow.
    func begin(_ entry: ArchiveEntry) throws(BackupError) {
        guard let header = unsafe archive_entry_new() else { throw .io(code: ENOMEM, doing: "Adding to the archive") }
        defer { unsafe archive_entry_free(header) }
        unsafe archive_entry_copy_pathname(header, cString(entry.name))
        unsafe archive_entry_set_perm(header, entry.mode & 0o7777)
        unsafe archive_entry_set_mtime(header, entry.modified.tv_sec, entry.modified.tv_nsec)
        unsafe archive_entry_set_size(header, 0)
        switch entry.kind {
        case .folder:
            unsafe archive_entry_set_filetype(header, UInt32(Glibc.S_IFDIR))
        case .file(let size):
            unsafe archive_entry_set_filetype(header, UInt32(Glibc.S_IFREG))
            unsafe archive_entry_set_size(header, size)
        case .symbolicLink(let target):
            unsafe archive_entry_set_filetype(header, UInt32(Glibc.S_IFLNK))
            unsafe archive_entry_copy_symlink(header, cString(target))
        case .hardLink(let target):
            unsafe archive_entry_set_filetype(header, UInt32(Glibc.S_IFREG))
            unsafe archive_entry_copy_hardlink(header, cString(target))
        }
        try check(unsafe archive_write_header(archive, header), "Adding \(printable(entry.name))")
    }

    /// Contents of the file begun last: at most `limit` bytes of `file`, by one read. Gives how many; 0 at the file's end.
    /// What a file lacks of its size is filled up with zeros.
    func write(from file: borrowing Descriptor, upTo limit: Int) throws(BackupError) -> Int {
        let place = unsafe chunks.room
        var room = unsafe MutableSpan(_unsafeElements: place)
        let count = try file.read(into: &room, upTo: limit)
        if count == 0 { return 0 }
        unsafe lent = UnsafeRawPointer(place.baseAddress)
        defer { unsafe lent = nil }
        let written = unsafe archive_write_data(archive, lent, count)
        try check(written < 0 ? Int32(written) : ARCHIVE_OK, "Writing the archive")
        return count
    }

    /// Writes the archive's end.
    func finish() throws(BackupError) {
        try check(unsafe archive_write_close(archive), "Ending the archive")
    }

    private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard failure == nil else { return -1 }
        // Anything that libarchive put before them would go over them.
        guard unsafe lent == nil || lent == bytes.baseAddress else {
            failure = .io(code: EIO, doing: "Writing the archive")
            return -1
        }
        do throws(BackupError) {
            try unsafe chunks.write(Span(_unsafeBytes: bytes))
            return bytes.count
        } catch {
            failure = error
            return -1
        }
    }

    /// The one way out of libarchive. A mere warning is an error too: what we give it leaves no room for one.
    private func check(_ status: Int32, _ doing: @autoclosure () -> String) throws(BackupError) {
        if status == ARCHIVE_OK { return }
        if let failure { throw failure }
        throw .system(doing(), code: unsafe archive_errno(archive))
    }
}
