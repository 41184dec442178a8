import Backup
import Dispatch
import Glibc
import Synchronization

/// Ctrl-C and SIGTERM during long work: it stops between two chunks and cleans up.
final class Interrupt {
    private let wasAsked: Flag
    private let sources: [any DispatchSourceSignal]

    private final class Flag: Sendable {
        let value = Atomic(false)
    }

    init() {
        let flag = Flag()
        wasAsked = flag
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { flag.value.store(true, ordering: .relaxed) }
            source.resume()
            return source
        }
    }

    /// Throws when it was asked to stop.
    func check() throws(BackupError) {
        if wasAsked.value.load(ordering: .relaxed) { throw .interrupted }
    }
}
