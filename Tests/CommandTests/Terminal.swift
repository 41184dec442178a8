import Foundation
import ProgramTestSupport
import Synchronization
import TestSupport

/// A terminal with a person before it: reads what a program shows, types, and sees whether it echoes.
final class Terminal: Sendable {
    private let master: Int32
    private let slave: Int32
    private let shown = Mutex<[UInt8]>([])
    /// What the slave side is called.
    let path: String

    init() throws {
        // TIOCSPTLCK and TIOCGPTN (ioctl_tty(2)), which Glibc does not export to Swift.
        let (unlock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        var (locked, number): (Int32, Int32) = (0, 0)
        guard master >= 0, ioctl(master, unlock, &locked) == 0, ioctl(master, getNumber, &number) == 0 else {
            throw HarnessError("no terminal: \(String(cString: strerror(errno)))")
        }
        path = "/dev/pts/\(number)"
        slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    }

    deinit {
        close(slave)
        close(master)
    }

    /// Starts a program as a shell in this terminal would.
    func start(_ desk: Desk, _ arguments: [String], shell: String? = nil) async throws -> Running {
        // The first terminal that a new session's leader opens becomes its own.
        try await desk.start(
            ["setsid", "bash", "-c", "exec \"$@\" 3<>\(path) 3<&- \(shell ?? "<\(path)") >\(path) 2>\(path)", "bash"]
                + [try Program.tenpin.path] + arguments)
    }

    /// Whether what is typed appears.
    var echoes: Bool {
        var settings = termios()
        tcgetattr(master, &settings)
        return settings.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Everything that appeared so far.
    var screen: String {
        shown.withLock { bytes in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while case let count = read(master, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Waits for a question whose answer will not be shown, and answers it.
    func answer(_ question: String, _ secret: String) async throws {
        try await eventually("\(question) on: \(screen)") { screen.hasSuffix(question) && !echoes }
        type(secret)
    }

    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(master, bytes, bytes.count)
    }
}
