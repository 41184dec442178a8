/// How far a backup or a restore has come.
public struct BackupProgress: Hashable, Sendable {
    /// Bytes of the contents written to a backup, or bytes of the backup file read from it.
    public let bytesDone: UInt64
    /// What `bytesDone` will be at the end, where that is known.
    public let bytesTotal: UInt64?

    /// Called after every chunk (64 KiB) on the caller's own thread. Throwing, as with `.interrupted`, ends the
    /// work and cleans up.
    public typealias Observer = (BackupProgress) throws(BackupError) -> Void
}
