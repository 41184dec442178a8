import GRDB
import Glibc
import Synchronization
import TPMDevice

/// The file of SQLite's write-ahead log.
///
/// It is made as large as it becomes before SQLite begins anew at its start. To wait for a file that grows is to wait for the
/// file system's journal too, which has whatever else the machine writes in it: 6 ms instead of a tenth of one, where that was measured.
///
/// And the disk is waited for here where the chip has other work meanwhile: one wait for all who wait.
final class LogFile: Sendable {
    private struct State {
        var waiting: [@Sendable (Bool) -> Void] = []
        var thread: JobQueue?
        var isKeptLarge = false
        /// The disk did not take what SQLite had written: what the log has is not to be relied on.
        var hasFailed = false
    }

    private let path: String
    /// Open from before the first change. The attack is the disk's: 1. it does not take a part of the log, and SQLite is told, once;
    /// 2. a file that is opened after that is told of nothing. Each of these is told once itself; two, so that neither who waits
    /// nor who is about to write takes the word from the other.
    private let waiting: Int32
    private let watching: Int32
    private let state = Mutex(State())

    /// SQLite begins anew after 1000 pages; a header of 32 bytes, and pages of 4096 with one of 24 each (SQLite, File Format §4).
    static let size = 32 + 1024 * (4096 + 24)

    /// The log of the store at `store`, which SQLite has open.
    init(of store: String) {
        path = store + "-wal"
        // Closing a file drops the process's locks on it, but SQLite has none on this one: they are on `-shm`.
        waiting = unsafe open(path, O_RDONLY | O_CLOEXEC)
        watching = unsafe open(path, O_RDONLY | O_CLOEXEC)
    }

    deinit {
        state.withLock { $0.thread?.close() }
        for file in [waiting, watching] where file >= 0 { close(file) }
    }

    // MARK: Waiting

    /// Calls `done` when the disk has all that was committed until now, or with false when it did not take it.
    func whenDurable(_ done: @escaping @Sendable (Bool) -> Void) {
        let (thread, isFirst) = state.withLock { state in
            let thread = state.thread ?? JobQueue(thread: "tenpin-disk")
            state.thread = thread
            state.waiting.append(done)
            return (thread, state.waiting.count == 1)
        }
        if isFirst { thread.append { self.wait() } }
    }

    private func wait() {
        // Who comes later has committed later, and waits for the next time.
        let all = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        // After one that failed the disk says no more of it: what was committed meanwhile may lie behind the gap.
        let isDurable = state.withLock { !$0.hasFailed } && waitForDisk()
        if !isDurable { state.withLock { $0.hasFailed = true } }
        for done in all { done(isDurable) }
    }

    /// A log that is not where it was is found by nobody who opens the store next.
    private func waitForDisk() -> Bool { unsafe access(path, F_OK) == 0 && fdatasync(waiting) == 0 }

    /// Before the next change. The attack is the disk's: 1. it loses a part of the log; 2. a later wait succeeds; 3. the power fails,
    /// and SQLite reads the log up to the gap. So what is in it goes into the store's own file, and the log begins anew.
    ///
    /// What is to outlive a power cut is not written behind a gap that SQLite alone was told of, as when it made a checkpoint.
    func mend(before durability: Store.Durability, in db: Database) throws {
        if durability == .powerCut, fdatasync(watching) != 0 { state.withLock { $0.hasFailed = true } }
        guard state.withLock({ $0.hasFailed }) else { return }
        let isBusy = try Bool.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") ?? true
        guard !isBusy else { throw DatabaseError(resultCode: .SQLITE_BUSY) }
        // What they have not been told yet is of the log as it was.
        for file in [waiting, watching] { fdatasync(file) }
        state.withLock { $0.hasFailed = false }
    }

    // MARK: Size

    /// Makes it large, and again whenever it was emptied.
    func keepLarge(in store: Store) throws {
        state.withLock { $0.isKeptLarge = true }
        try fill(in: store)
    }

    /// After the log was emptied.
    func wasEmptied(in store: Store) throws {
        if state.withLock({ $0.isKeptLarge }) { try fill(in: store) }
    }

    /// Adds zeros, which SQLite reads as the end of the log. In a transaction: another program, `tenpin-vault status` for one, may
    /// have the store open too, and who holds the right to write is the only one who appends.
    private func fill(in store: Store) throws {
        try store.write(outliving: .program) { _ in
            let file = unsafe open(path, O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            defer { close(file) }
            let end = Int(lseek(file, 0, SEEK_END))
            guard end >= 0, end < Self.size else { return }
            let zeros = [UInt8](repeating: 0, count: Self.size - end)
            // A full disk leaves it smaller: then it grows, if there is room later.
            _ = unsafe zeros.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, off_t(end)) }
        }
    }
}
