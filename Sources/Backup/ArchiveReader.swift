import CArchive
import Glibc

/// Reads a tar archive (by libarchive) out of chunks. libarchive sees authentic contents only.
@safe final class ArchiveReader {
    private let archive: OpaquePointer
    private let chunks: ChunkReader
    /// What went wrong while libarchive read from the chunks.
    private var failure: BackupError?

    init(from chunks: ChunkReader) throws(BackupError) {
        guard let archive = unsafe archive_read_new() else { throw .io(code: ENOMEM, doing: "Opening the archive") }
        unsafe self.archive = archive
        self.chunks = chunks
        // Only what we write: no compression, no other format, as little code as can be.
        unsafe archive_read_support_format_tar(archive)
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        let status = unsafe archive_read_open(
            archive, me, nil,
            { _, me, bytes in
                guard let me = unsafe me, let bytes = unsafe bytes else { return -1 }
                let reader = unsafe Unmanaged<ArchiveReader>.fromOpaque(me).takeUnretainedValue()
                return unsafe reader.give(bytes)
            }, nil)
        guard status == ARCHIVE_OK else { throw failure ?? .damaged(.contents) }
    }

    deinit { unsafe archive_read_free(archive) }

    /// The next entry; `nil` at the archive's end.
    func next() throws(BackupError) -> ArchiveEntry? {
        var header: OpaquePointer?
        let status = unsafe archive_read_next_header(archive, &header)
        if status == ARCHIVE_EOF, failure == nil { return nil }
        guard status == ARCHIVE_OK, let header = unsafe header else { throw failure ?? .damaged(.contents) }
        guard let name = unsafe bytes(archive_entry_pathname(header)) else { throw .damaged(.contents) }
        let kind: ArchiveEntry.Kind
        if let target = unsafe bytes(archive_entry_hardlink(header)) {
            kind = .hardLink(target: target)
        } else {
            switch unsafe mode_t(archive_entry_filetype(header)) {
            case Glibc.S_IFDIR: kind = .folder
            case Glibc.S_IFREG: kind = unsafe .file(size: archive_entry_size(header))
            case Glibc.S_IFLNK:
                guard let target = unsafe bytes(archive_entry_symlink(header)) else { throw .damaged(.contents) }
                kind = .symbolicLink(target: target)
            default: throw .unsafeEntry(name: printable(name))
            }
        }
        let modified = unsafe timespec(
            tv_sec: archive_entry_mtime(header), tv_nsec: archive_entry_mtime_nsec(header))
        return unsafe ArchiveEntry(
            name: name, kind: kind, mode: mode_t(archive_entry_perm(header)), modified: modified)
    }

    /// Copies the contents of the file given last to `output`, from where they lie in the chunks.
    func copy(to output: borrowing Descriptor) throws(BackupError) {
        var block: UnsafeRawPointer?
        var (count, offset, done): (Int, Int64, Int64) = (0, 0, 0)
        while true {
            let status = unsafe archive_read_data_block(archive, &block, &count, &offset)
            if status == ARCHIVE_EOF, failure == nil { return }
            // What we write has no holes.
            guard status == ARCHIVE_OK, offset == done else { throw failure ?? .damaged(.contents) }
            try unsafe output.write(Span(_unsafeBytes: UnsafeRawBufferPointer(start: block, count: count)))
            done += Int64(count)
        }
    }

    private func give(_ bytes: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        guard failure == nil else { return -1 }
        do throws(BackupError) {
            guard let contents = try unsafe chunks.next() else { return 0 }
            unsafe bytes.pointee = contents.baseAddress
            return contents.count
        } catch {
            failure = error
            return -1
        }
    }

    private func bytes(_ string: UnsafePointer<CChar>?) -> [UInt8]? {
        guard let string = unsafe string else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: string, count: strlen(string)))
    }
}
