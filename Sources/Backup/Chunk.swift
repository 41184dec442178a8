import Secrets

/// A part of a backup: 64 KiB of contents, but for the last one; sealed by the secret stream, with the header's tag as
/// associated data, and so belonging to one place in one file.
@safe final class Chunk: @unchecked Sendable {  // one thread's at a time, as `ChunkRing` hands it over
    static let size = 65_536
    static let sealedSize = size + SecretStream.overhead

    let contents = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: size)
    let sealed = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: sealedSize)
    /// How many bytes were put in: contents to be sealed, or sealed ones to be opened.
    var count = 0
    /// What it is sealed as, or turned out to be; `nil` when it did not open.
    var tag: SecretStream.Tag?

    deinit {
        unsafe contents.deallocate()
        unsafe sealed.deallocate()
    }
}
