import Glibc

/// Keeps a second program off a vault's home folder: `flock` on a file in it, let go when the value or the process ends.
public struct HomeLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock at once, or says that somebody has it.
    public init(home: String) throws(HomeError) {
        let opened = unsafe open(home + "/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw errno == ENOENT ? .notProvisioned(home) : .cannotWrite(home) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            throw .inUse(home)
        }
        descriptor = opened
    }

    deinit {
        // By name: a program that is just being started may have this file open still, and would keep the lock.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
