import TPM

/// A command as bytes, for what the product has no word for.
struct RawCommand {
    let code: UInt32
    var handles: [Command.Entity]
    var parameters: [UInt8]
    var answersHandle = false

    init(
        _ code: UInt32, _ handles: Command.Entity..., answersHandle: Bool = false,
        parameters: (inout Writer) -> Void = { _ in }
    ) {
        self.code = code
        self.handles = handles
        self.answersHandle = answersHandle
        self.parameters = Writer.bytes(parameters)
    }

    /// A command of the product's, to be altered.
    init(_ command: Command) {
        code = command.code.rawValue
        handles = command.handles
        parameters = command.parameters
        answersHandle = command.answersHandle
    }

    func cpHash() -> [UInt8] {
        HashAlgorithm.sha256.digest(
            Writer.bytes { $0.integer(code) }, handles.flatMap(\.name.bytes), parameters)
    }

    func bytes(_ authorizations: [Authorization]) -> [UInt8] {
        let area = authorizations.flatMap(\.bytes)
        let body = Writer.bytes { writer in
            for entity in handles { writer.integer(entity.handle.rawValue) }
            if !authorizations.isEmpty {
                writer.integer(UInt32(area.count))
                writer.raw(area)
            }
            writer.raw(parameters)
        }
        return Writer.bytes { writer in
            writer.integer(UInt16(authorizations.isEmpty ? 0x8001 : 0x8002))
            writer.integer(UInt32(10 + body.count))
            writer.integer(code)
            writer.raw(body)
        }
    }
}
