/// A chip's answer, taken apart. TPM 2.0 Part 1 §18.4.
public struct Response: Hashable, Sendable {
    public let code: ResponseCode
    /// The handle, where the command answers one.
    public let handle: Handle?
    /// The parameters as they came; a first TPM2B parameter may be encrypted.
    public let parameters: [UInt8]
    /// One entry for each authorization of the command.
    public let sessions: [SessionAnswer]

    /// TPMS_AUTH_RESPONSE. TPM 2.0 Part 2 §10.13.3.
    public struct SessionAnswer: Hashable, Sendable {
        public let nonceTPM: [UInt8]
        public let attributes: SessionAttributes
        public let hmac: [UInt8]

        public init(nonceTPM: [UInt8], attributes: SessionAttributes, hmac: [UInt8]) {
            self.nonceTPM = nonceTPM
            self.attributes = attributes
            self.hmac = hmac
        }
    }

    /// Parses the response to `command`; the sizes it states must agree with the bytes that came.
    public init(_ bytes: [UInt8], to command: Command) throws(WireError) {
        var reader = Reader(bytes)
        let tag = try reader.integer(UInt16.self)
        let size = try reader.integer(UInt32.self)
        guard Int(size) == bytes.count else { throw .unexpected("the response's size", value: size) }
        code = ResponseCode(rawValue: try reader.integer())
        guard code.isSuccess else {
            try reader.end()
            handle = nil
            parameters = []
            sessions = []
            return
        }
        handle = command.answersHandle ? Handle(try reader.integer()) : nil
        guard tag == 0x8002 else {
            guard tag == 0x8001 else { throw .unexpected("the response's tag", value: UInt32(tag)) }
            parameters = reader.remaining
            sessions = []
            return
        }
        let parameterSize = try reader.integer(UInt32.self)
        parameters = try reader.raw(Int(parameterSize))
        var answers: [SessionAnswer] = []
        while !reader.remaining.isEmpty {
            let nonce = try reader.sized(limit: 64)
            let attributes = SessionAttributes(rawValue: try reader.integer())
            answers.append(
                SessionAnswer(nonceTPM: nonce, attributes: attributes, hmac: try reader.sized(limit: 64)))
        }
        sessions = answers
    }
}
