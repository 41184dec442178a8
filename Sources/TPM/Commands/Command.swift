/// One TPM command: code, handles with their Names, and marshalled parameters. Authorizations come beside it.
/// TPM 2.0 Part 1 §18.
public struct Command: Hashable, Sendable {
    public let code: CommandCode
    /// The handles in order, each with the Name that authorizations cover.
    public let handles: [Entity]
    /// The parameters as they are sent; a first TPM2B parameter would stand here in its encrypted form.
    public let parameters: [UInt8]
    /// Whether a successful response begins with a handle.
    public let answersHandle: Bool

    /// A handle and the Name of what it stands for.
    public struct Entity: Hashable, Sendable {
        public let handle: Handle
        public let name: Name

        public init(_ handle: Handle, _ name: Name) {
            self.handle = handle
            self.name = name
        }

        /// A hierarchy or a session, whose Name is its handle.
        public init(_ handle: Handle) { self.init(handle, Name(handle)) }
    }

    public init(
        _ code: CommandCode, handles: [Entity] = [], answersHandle: Bool = false, parameters: (inout Writer) -> Void
    ) {
        self.code = code
        self.handles = handles
        self.answersHandle = answersHandle
        self.parameters = Writer.bytes(parameters)
    }

    /// cpHash: what a session's HMAC and a signed authorization cover. Part 1 §16.7.
    public func cpHash(_ hash: HashAlgorithm = .sha256) -> [UInt8] {
        hash.digest(code.bytes, handles.flatMap(\.name.bytes), parameters)
    }

    /// rpHash of a successful response with these parameters (in their encrypted form). Part 1 §16.8.
    public func rpHash(_ responseParameters: [UInt8], _ hash: HashAlgorithm = .sha256) -> [UInt8] {
        hash.digest([0, 0, 0, 0], code.bytes, responseParameters)
    }

    /// The whole command as it is sent.
    public func bytes(authorizations: [Authorization] = []) -> [UInt8] {
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
            writer.integer(code.rawValue)
            writer.raw(body)
        }
    }
}

/// One entry of a command's authorization area. TPM 2.0 Part 2 §10.13.2 (TPMS_AUTH_COMMAND).
public struct Authorization: Hashable, Sendable {
    public let session: Handle
    public let nonceCaller: [UInt8]
    public let attributes: SessionAttributes
    public let hmac: [UInt8]

    public init(session: Handle, nonceCaller: [UInt8] = [], attributes: SessionAttributes, hmac: [UInt8] = []) {
        self.session = session
        self.nonceCaller = nonceCaller
        self.attributes = attributes
        self.hmac = hmac
    }

    /// An authorization value in the clear; empty for what has none.
    public static func password(_ value: [UInt8] = []) -> Authorization {
        Authorization(session: .passwordSession, attributes: [.continueSession], hmac: value)
    }

    /// A satisfied policy session without a key of its own; it ends with the command.
    public static func policy(_ session: Handle) -> Authorization {
        Authorization(session: session, attributes: [])
    }

    /// The marshalled TPMS_AUTH_COMMAND.
    public var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.integer(session.rawValue)
            writer.sized(nonceCaller)
            writer.integer(attributes.rawValue)
            writer.sized(hmac)
        }
    }
}

/// TPMA_SESSION. TPM 2.0 Part 2 §8.4.
public struct SessionAttributes: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let continueSession = Self(rawValue: 1 << 0)
    public static let auditExclusive = Self(rawValue: 1 << 1)
    public static let auditReset = Self(rawValue: 1 << 2)
    public static let decrypt = Self(rawValue: 1 << 5)
    public static let encrypt = Self(rawValue: 1 << 6)
    public static let audit = Self(rawValue: 1 << 7)
}
