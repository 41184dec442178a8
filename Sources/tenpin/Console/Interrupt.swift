import Backup
import Glibc
import Synchronization

/// What the signals set. A handler may touch nothing but this.
private let asked = Atomic(false)

/// Ctrl-C, SIGTERM and a closed terminal during long work: it stops between two chunks and cleans up.
///
/// One at a time. From the first moment on no signal is lost or ends the program by itself. Ignored ones stay so: that is
/// how nohup has work outlive its terminal.
struct Interrupt: ~Copyable {
    private let numbers: [Int32]

    init() {
        asked.store(false, ordering: .relaxed)
        numbers = [SIGINT, SIGTERM, SIGHUP].filter { !isIgnored($0) }
        for number in numbers { signal(number) { _ in asked.store(true, ordering: .relaxed) } }
    }

    deinit {
        for number in numbers { signal(number, SIG_DFL) }
    }

    /// Whether somebody asked to stop.
    var wasAsked: Bool { asked.load(ordering: .relaxed) }

    /// Throws when it was asked to stop.
    func check() throws(BackupError) {
        if wasAsked { throw .interrupted }
    }
}

private func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard unsafe sigaction(number, nil, &action) == 0 else { return false }
    return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        == unsafeBitCast(SIG_IGN, to: Int.self)
}
