import Foundation
import ProgramTestSupport
import Synchronization
import TestSupport

/// A terminal with a person before it: reads what a program shows, types, and sees whether it echoes.
final class Terminal: Sendable {
    private let terminal: PseudoTerminal
    private let shown = Mutex<[UInt8]>([])
    private var master: Int32 { terminal.master }
    /// What the slave side is called.
    var path: String { terminal.path }

    init() throws {
        terminal = try PseudoTerminal()
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
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
