/// Writes the account's slot in the device's own policy session, with the limit key's signature and the device's HMAC.
public struct WriteSlot: VaultMethod {
    public static let name = "WriteSlot"
    public typealias Reply = CarriedReply
    public var session: Int
    public var account: Account
    public var enrollment: EnrollmentID
    public var write: Write
    /// The limit, or the new ceiling; 0 for a burn.
    public var value: UInt32
    /// The session's nonce that the signature covers.
    public var nonceTPM: Bytes
    /// `r || s`, 64 bytes.
    public var signature: Bytes
    public var authorization: Carried
    /// For a ceiling: how many of the guesses were granted, and the device's MAC over that; kept with the signature.
    public var granted: Granted?

    public enum Write: String, Codable, Sendable { case first, ceiling, burn }

    public init(
        session: Int, account: Account, enrollment: EnrollmentID, write: Write, value: UInt32, nonceTPM: Bytes,
        signature: Bytes, authorization: Carried, granted: Granted?
    ) {
        self.session = session
        self.account = account
        self.enrollment = enrollment
        self.write = write
        self.value = value
        self.nonceTPM = nonceTPM
        self.signature = signature
        self.authorization = authorization
        self.granted = granted
    }
}

/// The person's own account of grants, authenticated under the limit seed.
public struct Granted: Codable, Hashable, Sendable {
    /// Guesses granted so far, beyond limit and refunds.
    public var guesses: UInt32
    /// 32 bytes.
    public var mac: Bytes

    public init(guesses: UInt32, mac: Bytes) {
        self.guesses = guesses
        self.mac = mac
    }
}

/// The last ceiling that the limit key signed: its own signature, kept so that the next device knows where to go on.
public struct CeilingRecord: Codable, Hashable, Sendable {
    public var ceiling: UInt32
    public var nonceTPM: Bytes
    /// `r || s`, 64 bytes.
    public var signature: Bytes
    public var granted: Granted

    public init(ceiling: UInt32, nonceTPM: Bytes, signature: Bytes, granted: Granted) {
        self.ceiling = ceiling
        self.nonceTPM = nonceTPM
        self.signature = signature
        self.granted = granted
    }
}
