/// Hexadecimal digits.
package func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// A handle or a response code.
func text(_ number: UInt32) -> String { "0x" + String(number, radix: 16) }

/// A command in one line: its name, handles, who authorizes, what is written, and how the chip answered.
func text(_ command: RawCommand, _ answer: RawAnswer?) -> String {
    var line = CommandShape.all[command.code]?.name ?? text(command.code)
    line += "(" + command.handles.map(text).joined(separator: ", ") + ")"
    for by in command.authorizations { line += " by \(by.session == 0x4000_0009 ? "password" : text(by.session))" }
    switch command.code {
    case 0x137, 0x12A, 0x165, 0x16C, 0x154: line += " \(hex(command.parameters.prefix(72)))"
    default: line += " \(command.parameters.count) bytes"
    }
    if let answer {
        line += " -> \(answer.succeeded ? "success" : text(answer.code))\(answer.handle.map { " \(text($0))" } ?? "")"
    }
    return line
}

extension Witness.Exchange {
    /// In one line, for a person.
    package var line: String {
        guard !command.isEmpty else { return "(power cut)" }
        guard let parsed = RawCommand(command) else { return hex(command.prefix(48)) }
        guard let said else { return text(parsed, nil) + " -> no answer" }
        return text(parsed, RawAnswer(said, to: parsed.code))
    }
}
