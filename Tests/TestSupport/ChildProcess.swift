import Foundation
import Synchronization

/// A program that a test started, and its only owner.
package struct ChildProcess: Sendable {
    package let identifier: pid_t

    /// Starts `arguments[0]`, found on PATH, in `folder`, with nothing open but `/dev/null` and two files there.
    package static func spawn(
        _ arguments: [String], environment: [String: String] = [:], in folder: URL, output: String, errors: String
    ) async throws -> ChildProcess {
        let arguments = ["env", "-C", folder.path(percentEncoded: false)] + arguments
        let (output, errors) = (folder.appending(path: output).path(), folder.appending(path: errors).path())
        let variables = ProcessInfo.processInfo.environment.merging(environment) { _, added in added }
        let (code, identifier) = await Cradle.run {
            start(arguments, environment: variables, output: output, errors: errors)
        }
        guard code == 0 else { throw HarnessError("cannot start \(arguments): \(String(cString: strerror(code)))") }
        return ChildProcess(identifier: identifier)
    }

    /// Runs a short program, with nothing open but `/dev/null`, and waits on the caller's thread: its exit code, or 128 and
    /// the signal's number.
    ///
    /// Not with Foundation's `Process`: that waits for a socket to close which a child of another test may hold open, and
    /// two waits without an end take both threads of a small machine's pool.
    @discardableResult
    package static func run(_ arguments: [String]) -> Int32 {
        let (code, identifier) = start(
            ["env"] + arguments, environment: ProcessInfo.processInfo.environment, output: "/dev/null",
            errors: "/dev/null")
        return code == 0 ? ChildProcess(identifier: identifier).wait() : 127
    }

    private static func start(
        _ arguments: [String], environment: [String: String], output: String, errors: String
    ) -> (code: Int32, identifier: pid_t) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // Another test's pipe or listening socket must not live on in a child. (Glibc's closefrom is not imported.)
        for descriptor in Int32(3)..<1024 { posix_spawn_file_actions_addclose(&actions, descriptor) }

        // The pool's threads block signals, and a child would inherit that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + settings { free(word) } }
        var identifier: pid_t = 0
        let code = posix_spawnp(&identifier, "env", &actions, &attributes, &words, &settings)
        return (code, identifier)
    }

    /// Whether it ended by itself. It stays ours, and so does its number, until `end` or `status` took note.
    package var hasEnded: Bool { look().map { $0.si_signo != 0 } ?? true }

    /// Whether nobody has taken note of its end. What ended by itself must be taken note of too: Swift Testing waits for whatever child
    /// ended first before it sees the end of a test in a process of its own.
    package var isOurs: Bool { look() != nil }

    /// What there is to take note of, without doing so; `nil` when somebody has.
    private func look() -> siginfo_t? {
        var information = siginfo_t()
        let code = waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT)
        return code == 0 ? information : nil
    }

    /// Sends `signal` and waits for the end.
    package func end(_ signal: Int32) {
        kill(identifier, signal)
        _ = wait()
    }

    /// Waits for the end, on a thread of its own: the exit code, or 128 and the signal's number.
    package func status() async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: wait()) }
        }
    }

    private func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) == -1 && errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}

/// The one thread that starts children, which never ends: PR_SET_PDEATHSIG, that `setpriv --pdeathsig` sets, means the
/// end of the *thread* that started a child, and the threads of a pool come and go.
private enum Cradle {
    private static let jobs = Mutex<[@Sendable () -> Void]>([])
    private static let waiting = DispatchSemaphore(value: 0)
    private static let thread: Void = Thread.detachNewThread {
        while true {
            waiting.wait()
            let job = jobs.withLock { $0.removeFirst() }
            job()
        }
    }

    static func run<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
        _ = thread
        return await withCheckedContinuation { continuation in
            jobs.withLock { $0.append { continuation.resume(returning: body()) } }
            waiting.signal()
        }
    }
}
