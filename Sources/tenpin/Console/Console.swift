import CommandOptions
import Foundation
import Secrets

/// The person at the terminal: questions, secrets without echo, and words on standard error.
///
/// Results go to standard output, everything else to standard error, so that a pipe holds results alone.
enum Console {
    /// Whether somebody can be asked.
    static var isInteractive: Bool {
        let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else { return false }
        close(terminal)
        return isatty(STDERR_FILENO) == 1
    }

    /// A line on standard error.
    static func say(_ line: String) {
        StandardError.write(line + "\n")
    }

    /// A line for a person at the terminal; a script's standard error holds errors alone.
    static func note(_ line: String) {
        if isatty(STDERR_FILENO) == 1 { say(line) }
    }

    /// Asks a question; only `yes` agrees. The answer comes from the terminal: standard input may be what is to be backed
    /// up, or hold the password.
    static func confirms(_ question: String) -> Bool {
        guard isInteractive else { return false }
        let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else { return false }
        defer { close(terminal) }
        write("\(question) [yes/no] ", to: terminal)
        var line = [UInt8](repeating: 0, count: 256)
        let count = unsafe read(terminal, &line, line.count)
        guard count > 0 else { return false }
        return String(decoding: line.prefix(count), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines).lowercased() == "yes"
    }

    /// Asks for a secret without echo.
    static func secret(_ question: String) throws(InputError) -> SecretBytes {
        let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else { throw .noTerminal }
        defer { close(terminal) }
        return try HiddenLine(terminal).read(question)
    }

    fileprivate static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = unsafe Glibc.write(descriptor, bytes, bytes.count)
    }
}

/// Why a secret could not be read. No guess was spent.
enum InputError: Error, Equatable, CustomStringConvertible {
    case noTerminal
    case cancelled
    case tooLong
    case differ
    case unreadable(String)
    case bothGiven
    case notConfirmed

    var description: String {
        switch self {
        case .noTerminal:
            "There is no terminal to ask for the password; use --password-file or --password-fd. No guess was spent."
        case .cancelled: "Cancelled. No guess was spent."
        case .tooLong: "The password has more than 4096 bytes; use a shorter one. No guess was spent."
        case .differ: "The two passwords differ; try again. Nothing was changed."
        case .unreadable(let what): "The password cannot be read from \(what). No guess was spent."
        case .notConfirmed: "This was not confirmed; say --yes to go on without being asked. Nothing was changed."
        case .bothGiven: "Give the password by a file or by a descriptor, not by both. No guess was spent."
        }
    }
}

/// One line typed at a terminal with echo off. The terminal's own signals are off too, so that an interrupt cannot leave
/// the echo off: Ctrl-C comes as a byte and cancels.
private struct HiddenLine {
    private static let capacity = 4096
    private let terminal: Int32

    init(_ terminal: Int32) { self.terminal = terminal }

    func read(_ question: String) throws(InputError) -> SecretBytes {
        var saved = termios()
        guard unsafe tcgetattr(terminal, &saved) == 0 else { throw .noTerminal }
        var hidden = saved
        hidden.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        guard unsafe tcsetattr(terminal, TCSAFLUSH, &hidden) == 0 else { throw .noTerminal }
        defer {
            unsafe tcsetattr(terminal, TCSAFLUSH, &saved)
            Console.write("\n", to: terminal)
        }
        // After the echo is off: who types at once is not shown, and loses nothing.
        Console.write(question, to: terminal)
        var size = 0
        let buffer = try SecretBytes(count: Self.capacity) { (bytes: inout MutableSpan<UInt8>) throws(InputError) in
            size = try fill(&bytes)
        }
        return buffer.withBytes { (bytes: Span<UInt8>) in SecretBytes(copying: bytes.extracting(first: size)) }
    }

    private func fill(_ bytes: inout MutableSpan<UInt8>) throws(InputError) -> Int {
        // Who ends the program here must not leave the terminal without echo.
        let interrupt = Interrupt()
        var size = 0
        while true {
            var waiting = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
            let isReady = unsafe poll(&waiting, 1, 100) != 0
            if interrupt.wasAsked { throw .cancelled }
            guard isReady else { continue }
            var byte: UInt8 = 0
            let count = unsafe Glibc.read(terminal, &byte, 1)
            guard count == 1 else {
                if count < 0 && errno == EINTR { continue }
                throw .cancelled
            }
            switch byte {
            case 0x0A, 0x0D: return size
            case 0x03: throw .cancelled
            case 0x04 where size == 0: throw .cancelled
            case 0x15: size = 0
            case 0x08, 0x7F:
                // A character of UTF-8 goes as a whole.
                while size > 0 {
                    size -= 1
                    if bytes[size] & 0xC0 != 0x80 { break }
                }
            default:
                guard size < Self.capacity else { throw .tooLong }
                bytes[size] = byte
                size += 1
            }
        }
    }
}
