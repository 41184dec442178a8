import Foundation

/// Closures that one thread takes out in order.
package final class JobQueue: @unchecked Sendable {  // every access to `jobs` and `isClosed` holds `condition`
    private let condition = NSCondition()
    private var jobs: [@Sendable () -> Void] = []
    private var isClosed = false

    /// Starts the thread; it ends when the queue is closed and what was in it is done.
    package init(thread name: String) {
        let thread = Thread { self.run() }
        thread.name = name
        thread.start()
    }

    package func append(_ job: @escaping @Sendable () -> Void) {
        condition.withLock { jobs.append(job) }
        // Whoever is woken wants the lock.
        condition.signal()
    }

    package func close() {
        condition.withLock { isClosed = true }
        condition.signal()
    }

    private func run() {
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
