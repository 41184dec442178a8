import Foundation

/// An emulated chip behind a device file: a terminal that changes no byte, so that tpm2-tss drives it as it drives `/dev/tpm0`.
/// One program may open it, once.
public final class DeviceFile {
    /// What tpm2-tss calls it.
    public var tcti: String { "device:\(terminal.path)" }
    private let terminal: PseudoTerminal

    /// Its thread ends with the chip, or when the file goes.
    public init(_ chip: Swtpm) throws {
        terminal = try PseudoTerminal()
        var settings = termios()
        tcgetattr(terminal.slave, &settings)
        cfmakeraw(&settings)
        tcsetattr(terminal.slave, TCSANOW, &settings)
        // The thread must not keep the terminal open.
        let master = dup(terminal.master)
        Thread.detachNewThread {
            defer { close(master) }
            guard let connection = try? chip.raw() else { return }
            var command = [UInt8](repeating: 0, count: 4096)
            while case let count = read(master, &command, command.count), count > 0,
                let answer = try? connection.transmit(Array(command[..<count]))
            {
                _ = write(master, answer, answer.count)
            }
        }
    }
}
