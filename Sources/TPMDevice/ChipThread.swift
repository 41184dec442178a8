/// One thread of its own for a chip, as an actor's executor: a TPM does one thing at a time, and a call to it blocks,
/// which must not happen on the cooperative pool. A task that prefers it begins there, and not in the pool first.
public final class ChipThread: SerialExecutor, TaskExecutor {
    private let queue: JobQueue

    /// Starts the thread; it ends when the last reference to the executor is gone.
    public init(name: String) { queue = JobQueue(thread: name) }

    deinit { queue.close() }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.append { [self] in
            unsafe job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        }
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }
}
