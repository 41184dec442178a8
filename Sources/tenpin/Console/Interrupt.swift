import Backup
import Glibc
import Synchronization

/// What the signals set. A handler may touch nothing but this.
private let asked = Atomic(false)

/// Ctrl-C, SIGTERM and a closed terminal during long work: it stops between two chunks and cleans up.
///
/// One at a time. From the first moment on no signal is lost or ends the program by itself.
struct Interrupt: ~Copyable {
    private static let numbers = [SIGINT, SIGTERM, SIGHUP]

    init() {
        asked.store(false, ordering: .relaxed)
        for number in Self.numbers { signal(number) { _ in asked.store(true, ordering: .relaxed) } }
    }

    deinit {
        for number in Self.numbers { signal(number, SIG_DFL) }
    }

    /// Whether somebody asked to stop.
    var wasAsked: Bool { asked.load(ordering: .relaxed) }

    /// Throws when it was asked to stop.
    func check() throws(BackupError) {
        if wasAsked { throw .interrupted }
    }
}
