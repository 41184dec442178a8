import TPM

/// What can go wrong between a program and its chip.
public enum ChipError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The chip answered with an error.
    case refused(CommandCode, ResponseCode)
    /// Nothing answers there, or the connection broke; the text is tpm2-tss's.
    case unreachable(String)
    /// The chip's answer does not parse.
    case malformed(CommandCode, WireError)
    /// The command has this many bytes, more than a chip takes; it was not sent.
    case oversized(CommandCode, Int)
    /// The policy has no way to this command, or a step needs a signature or slot that was not given.
    case unsatisfiable(CommandCode)

    public var description: String {
        switch self {
        case .refused(let command, .failure):
            "the chip answered \(command) with \(ResponseCode.failure): it found itself broken and does nothing until it is reset"
        case .refused(let command, let code): "the chip answered \(command) with \(code)"
        case .unreachable(let reason): "the TPM does not answer: \(reason)"
        case .malformed(let command, let error): "the chip's answer to \(command) cannot be read: \(error)"
        case .oversized(let command, let size):
            "\(command) has \(size) bytes, more than a chip takes, and was not sent"
        case .unsatisfiable(let command): "the policy does not lead to \(command) with what was given"
        }
    }

    /// The chip's code, where it answered one.
    public var responseCode: ResponseCode? {
        guard case .refused(_, let code) = self else { return nil }
        return code
    }
}
