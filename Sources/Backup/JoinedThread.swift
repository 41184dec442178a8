import Glibc

/// A thread that is waited for at the end of its life.
struct JoinedThread: ~Copyable {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let thread: pthread_t

    init(_ run: @escaping @Sendable () -> Void) throws(BackupError) {
        let body = unsafe Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { body in
                if let body = unsafe body { unsafe Unmanaged<Body>.fromOpaque(body).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            unsafe body.release()
            throw .system("Starting a thread", code: code)
        }
        self.thread = thread
    }

    deinit { pthread_join(thread, nil) }
}
