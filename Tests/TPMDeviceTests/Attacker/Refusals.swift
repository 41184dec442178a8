import TPM

/// How a chip refuses, with the number of the handle, session or parameter that it names.
extension ResponseCode {
    static let success = Self(rawValue: 0)
    /// The command takes a policy session, and nothing else.
    static let authType = Self(rawValue: 0x124)
    /// The command wants an authorization and has none.
    static let authMissing = Self(rawValue: 0x125)
    /// The first or second session's HMAC is wrong.
    static let badAuth = Self(rawValue: 0x9A2)
    static let secondBadAuth = Self(rawValue: 0xAA2)
    /// The first session did what its object's policy does not say.
    static let policyFail = Self(rawValue: 0x99D)
    /// The first session is for another command.
    static let policyCC = Self(rawValue: 0x9A4)
    /// The first session cannot be used so.
    static let sessionAttributes = Self(rawValue: 0x982)
    /// The third session cannot be used so.
    static let thirdAttributes = Self(rawValue: 0xB82)
    /// The hierarchy, or whoever else, may not do this to the index.
    static let nvAuthorization = Self(rawValue: 0x149)
    /// The first parameter is no nonce of this session.
    static let nonce = Self(rawValue: 0x1CF)
    /// The fifth parameter is no signature of this key over these parameters.
    static let signature = Self(rawValue: 0x5DB)
    /// The first parameter is no context of a session that waits to be loaded.
    static let contextHandle = Self(rawValue: 0x1CB)
    /// The first session does not exist.
    static let missingSession = Self(rawValue: 0x918)
    /// The first parameter has a wrong value.
    static let value = Self(rawValue: 0x1C4)
    /// The first session's policy was satisfied too long ago.
    static let expired = Self(rawValue: 0x9A3)
    /// The first parameter was not made under this parent, or before the chip's last restart.
    static let integrity = Self(rawValue: 0x1DF)
    /// The duplicate was not sealed to this parent.
    static let importIntegrity = Self(rawValue: 0x3DF)
    /// The first parameter is not a point of the key's curve.
    static let eccPoint = Self(rawValue: 0x1E7)
    /// The second parameter has a wrong value.
    static let secondValue = Self(rawValue: 0x2C4)
}
