import Glibc

/// The names in a folder, one at a time, in the file system's order.
@safe struct FolderListing: ~Copyable {
    private let stream: OpaquePointer

    /// Lists an open folder, which stays open.
    init(_ folder: borrowing Descriptor) throws(BackupError) {
        // A description of its own: the position in a folder belongs to the description, not to the number.
        let number = retrying { unsafe openat(folder.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard number >= 0 else { throw .system("Listing a folder") }
        guard let stream = unsafe fdopendir(number) else {
            let error = BackupError.system("Listing a folder")
            close(number)
            throw error
        }
        unsafe self.stream = stream
    }

    deinit { unsafe closedir(stream) }

    /// The next name but `.` and `..`; `nil` at the end.
    func next() throws(BackupError) -> [UInt8]? {
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                if errno != 0 { throw .system("Listing a folder") }
                return nil
            }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe Array(bytes.prefix { $0 != 0 })
            }
            if name != Array(".".utf8), name != Array("..".utf8) { return name }
        }
    }
}
