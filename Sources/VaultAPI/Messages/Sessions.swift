/// Starts a session between the device and the chip (SHA-256, AES-128-CFB), salted to the endorsement key. It lives as
/// long as the connection, until it is used up, or until it is ended to make room for others (`SessionGone`); a connection has
/// at most four.
public struct StartSession: VaultMethod {
    public static let name = "StartSession"
    public var kind: Kind
    /// Contents of TPM2B_ENCRYPTED_SECRET.
    public var encryptedSalt: Bytes
    /// 32 bytes.
    public var nonceCaller: Bytes

    public enum Kind: String, Codable, Sendable { case hmac, policy }

    public init(kind: Kind, encryptedSalt: Bytes, nonceCaller: Bytes) {
        self.kind = kind
        self.encryptedSalt = encryptedSalt
        self.nonceCaller = nonceCaller
    }

    public struct Reply: Codable, Hashable, Sendable {
        /// The connection's number for the session.
        public var session: Int
        public var nonceTPM: Bytes

        public init(session: Int, nonceTPM: Bytes) {
            self.session = session
            self.nonceTPM = nonceTPM
        }
    }
}

/// A device's authorization of one command, which the courier carries to the chip.
public struct Carried: Codable, Hashable, Sendable {
    public var nonceCaller: Bytes
    /// TPMA_SESSION.
    public var attributes: UInt8
    public var hmac: Bytes

    public init(nonceCaller: Bytes, attributes: UInt8, hmac: Bytes) {
        self.nonceCaller = nonceCaller
        self.attributes = attributes
        self.hmac = hmac
    }
}

/// The chip's answer to a carried command, as it came.
public struct CarriedReply: Codable, Hashable, Sendable {
    /// The response parameters; a first TPM2B is encrypted where the device asked for it.
    public var parameters: Bytes
    public var nonceTPM: Bytes
    public var attributes: UInt8
    public var hmac: Bytes

    public init(parameters: Bytes, nonceTPM: Bytes, attributes: UInt8, hmac: Bytes) {
        self.parameters = parameters
        self.nonceTPM = nonceTPM
        self.attributes = attributes
        self.hmac = hmac
    }
}

/// Has the chip say something in the device's session. No guess is spent by any of these.
public struct Prove: VaultMethod {
    public static let name = "Prove"
    public typealias Reply = CarriedReply
    public var session: Int
    public var fact: Fact
    /// For `slot` only.
    public var account: Account?
    /// For `slot` only.
    public var enrollment: EnrollmentID?
    public var authorization: Carried

    public enum Fact: String, Codable, Sendable {
        /// CreatePrimary of the parent's template in the owner hierarchy.
        case parent
        /// CreatePrimary of the attestation key's template in the endorsement hierarchy.
        case attestationKey
        /// GetCapability TPM_PT_MAX_DIGEST (0x120), one property.
        case largestDigest
        /// GetCapability from TPM_PT_MANUFACTURER (0x105), eight properties.
        case maker
        /// GetRandom of 16 bytes: shows that this nonce belongs to the device's key.
        case random
        /// NV_Read of the account's slot, 8 bytes, through the uncounted branch.
        case slot
    }

    public init(
        session: Int, fact: Fact, account: Account? = nil, enrollment: EnrollmentID? = nil, authorization: Carried
    ) {
        self.session = session
        self.fact = fact
        self.account = account
        self.enrollment = enrollment
        self.authorization = authorization
    }
}
