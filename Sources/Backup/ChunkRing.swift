import Foundation

/// Chunks that go round between the thread that reads and writes files and one that seals or opens: two cores work, and
/// the memory stays the same.
///
/// Only the first thread waits for files, meets their errors and is interrupted; the second one computes, and so ends at
/// once when the ring does.
struct ChunkRing: ~Copyable {
    /// With two cores 4 MiB together, which was faster than 1 MiB; we think because a chunk has left one core's cache when the
    /// other wants it. On one core fewer were faster.
    private static var capacity: Int { ProcessInfo.processInfo.activeProcessorCount > 1 ? 32 : 8 }
    static let threadName = "tenpin-chunks"

    private let chunks: [Chunk]
    private let handover = Handover()
    private let thread: JoinedThread
    /// How many chunks were ever handed over, how many of them are known to have come back, and how many were taken.
    private var given = 0
    private var ready = 0
    private var taken = 0

    /// Starts the second thread, which does `work` on each chunk in order.
    init(_ work: @escaping @Sendable (Chunk) -> Void) throws(BackupError) {
        let chunks = (0..<Self.capacity).map { _ in Chunk() }
        let handover = handover
        self.chunks = chunks
        thread = try JoinedThread {
            Thread.current.name = Self.threadName
            while let number = handover.next() {
                work(chunks[number % chunks.count])
                handover.finish()
            }
        }
    }

    // The thread is waited for when the last property goes.
    deinit { handover.close() }

    /// The chunk to fill.
    var next: Chunk { chunks[given % chunks.count] }

    /// The one to fill after it, unless the ring is full.
    var following: Chunk { chunks[(given + 1) % chunks.count] }

    /// Whether all are under way, but for one to fill.
    var isFull: Bool { given - taken == chunks.count - 1 }

    /// Whether none is under way.
    var isEmpty: Bool { given == taken }

    /// Whether the oldest one can be taken without waiting.
    var isReady: Bool { ready > taken }

    /// Hands over the chunk that was filled.
    mutating func give() {
        given += 1
        handover.give()
    }

    /// The oldest chunk, with the work done; `nil` when none is under way. It waits for half of them together, so that the
    /// threads are not woken for each chunk, and the other one has the second half to work on meanwhile.
    mutating func take() -> Chunk? {
        if isEmpty { return nil }
        if !isReady { ready = handover.wait(for: taken + (given - taken + 1) / 2) }
        defer { taken += 1 }
        return chunks[taken % chunks.count]
    }
}

/// What the two threads tell each other. They are woken after the lock was left: whoever is woken wants it.
private final class Handover: @unchecked Sendable {  // every access holds `condition`
    private let condition = NSCondition()
    private var given = 0
    private var finished = 0
    /// How many finished ones the first thread waits for.
    private var wanted = 0
    private var isClosed = false

    func give() {
        condition.withLock { given += 1 }
        condition.signal()
    }

    func close() {
        condition.withLock { isClosed = true }
        condition.signal()
    }

    func wait(for count: Int) -> Int {
        condition.withLock {
            wanted = count
            while finished < wanted { condition.wait() }
            return finished
        }
    }

    /// The number of the next chunk to work on; `nil` once the ring is closed.
    func next() -> Int? {
        condition.withLock {
            while finished == given, !isClosed { condition.wait() }
            return isClosed ? nil : finished
        }
    }

    func finish() {
        let isWaitedFor = condition.withLock {
            finished += 1
            return finished == wanted
        }
        if isWaitedFor { condition.signal() }
    }
}
