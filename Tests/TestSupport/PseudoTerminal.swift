import Foundation

/// Two ends of a terminal that no hardware is behind (pty(7)).
public final class PseudoTerminal: Sendable {
    /// The end of whoever plays the hardware.
    public let master: Int32
    /// The end of programs. It is held open here, for the master reads an error while nobody has it.
    public let slave: Int32
    /// What programs open.
    public let path: String

    public init() throws {
        // TIOCSPTLCK and TIOCGPTN (ioctl_tty(2)), which Glibc does not export to Swift.
        let (unlock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
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
}
