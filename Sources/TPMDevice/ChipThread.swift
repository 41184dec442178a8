import Foundation

/// One thread of its own for a chip, as an actor's executor: a TPM does one thing at a time, and a call to it blocks,
/// which must not happen on the cooperative pool.
public final class ChipThread: SerialExecutor {
    private let queue = JobQueue()

    /// Starts the thread; it ends when the last reference to the executor is gone.
    public init(name: String) {
        let queue = queue
        let thread = Thread { queue.run() }
        thread.name = name
        thread.start()
    }

    deinit { queue.close() }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.append { unsafe job.runSynchronously(on: executor) }
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }
}

/// Closures that one thread takes out in order.
private final class JobQueue: @unchecked Sendable {  // every access to `jobs` and `isClosed` holds `condition`
    private let condition = NSCondition()
    private var jobs: [@Sendable () -> Void] = []
    private var isClosed = false

    func append(_ job: @escaping @Sendable () -> Void) {
        condition.withLock {
            jobs.append(job)
            condition.signal()
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.signal()
        }
    }

    func run() {
        while let batch = next() {
            for job in batch { job() }
        }
    }

    private func next() -> [@Sendable () -> Void]? {
        condition.withLock {
            while jobs.isEmpty {
                if isClosed { return nil }
                condition.wait()
            }
            defer { jobs = [] }
            return jobs
        }
    }
}
