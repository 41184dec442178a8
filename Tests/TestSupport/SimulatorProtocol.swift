/// How the reference implementation's simulator is spoken to on a stream, by tpm2-tss's `mssim` (TpmTcpProtocol.h of
/// ms-tpm-20-ref). Its client connects once, where the emulator's does for each command.
enum SimulatorProtocol {
    /// TPM_SEND_COMMAND, locality 0, and the command with its size.
    static func wrapping(command: [UInt8]) -> [UInt8] {
        ChipRelay.bigEndian(8) + [0] + ChipRelay.bigEndian(UInt32(command.count)) + command
    }

    /// The size of the command that follows these 9 bytes; `nil` for anything else.
    static func size(in header: [UInt8]) -> Int? {
        let (kind, size) = (ChipRelay.integer(header[0..<4]), Int(ChipRelay.integer(header[5..<9])))
        return kind == 8 && (10...65536).contains(size) ? size : nil
    }

    /// An answer with its size, and four zeros after it.
    static func wrapping(answer: [UInt8]) -> [UInt8] { ChipRelay.bigEndian(UInt32(answer.count)) + answer + yes }

    /// What is answered to a platform's command of 4 bytes: to have the chip powered, for one.
    static let yes = ChipRelay.bigEndian(0)
}
