/// TPM_RC. TPM 2.0 Part 2 §6.6.
public struct ResponseCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public var isSuccess: Bool { rawValue == 0 }

    /// The code without the number of the handle, session or parameter that it concerns.
    public var base: UInt32 {
        guard rawValue & 0x80 != 0 else { return rawValue }
        return rawValue & 0xBF
    }

    /// TPM_RC_AUTH_UNAVAILABLE: what a slot says at its ceiling.
    public static let authUnavailable = Self(rawValue: 0x12F)
    /// TPM_RC_INITIALIZE: the chip waits for Startup.
    public static let initialize = Self(rawValue: 0x100)
    /// TPM_RC_FAILURE: the chip found itself broken and wants a restart.
    public static let failure = Self(rawValue: 0x101)
    /// TPM_RC_NV_SPACE: no room for another index or persistent object.
    public static let nvSpace = Self(rawValue: 0x14B)
    /// TPM_RC_NV_DEFINED: the index or persistent handle is taken.
    public static let nvDefined = Self(rawValue: 0x14C)
    /// TPM_RC_NV_UNINITIALIZED: the index was never written.
    public static let nvUninitialized = Self(rawValue: 0x14A)
    /// TPM_RC_CONTEXT_GAP: the oldest saved session must be loaded before another can be saved.
    public static let contextGap = Self(rawValue: 0x901)
    /// TPM_RC_HANDLE, with any number: there is no such entity.
    public static let handle = Self(rawValue: 0x08B)

    /// TPM_RC_YIELDED: the command was begun, and is to be sent again.
    public static let yielded = Self(rawValue: 0x908)
    /// TPM_RC_RETRY: the command could not be begun.
    public static let retry = Self(rawValue: 0x922)

    /// Answers to a command that may be sent again: YIELDED, TESTING, NV_RATE, RETRY.
    public var mayBeSentAgain: Bool { [0x908, 0x90A, 0x920, 0x922].contains(rawValue) }

    /// Whether the command may succeed at another time (RC_WARN, 0x900 to 0x97F).
    public var isWarning: Bool { rawValue & 0xF80 == 0x900 }

    /// Whether this says that an entity does not exist: HANDLE, with any number.
    ///
    /// REFERENCE_H0 to _H6 are not among them: they speak of objects and sessions that are not loaded, never of an NV index
    /// or a persistent key (Part 3 §5.4). 1. A chip under pressure answers REFERENCE_H0; 2. the vault takes a slot for
    /// destroyed; 3. it lets the account be enrolled anew over it.
    public var isMissingHandle: Bool { base == Self.handle.rawValue }

    /// Whether this concerns one of the command's sessions (Part 2 §6.6.2).
    public var concernsSession: Bool { rawValue & 0x8C0 == 0x880 }

    /// REFERENCE_H0 to _H6 and _S0 to _S6: an object or session of the command's is not loaded.
    public var isMissingReference: Bool { (0x910...0x916).contains(rawValue) || (0x918...0x91E).contains(rawValue) }

    /// The name of the code in Part 2, and its number.
    public var description: String {
        let digits = "0x" + String(rawValue, radix: 16)
        guard let name = Self.names[base] else { return "response code \(digits)" }
        return "\(name) (\(digits))"
    }

    private static let names: [UInt32: String] = [
        0x000: "success", 0x100: "INITIALIZE", 0x101: "FAILURE", 0x120: "DISABLED", 0x121: "EXCLUSIVE",
        0x124: "AUTH_TYPE", 0x125: "AUTH_MISSING", 0x126: "POLICY", 0x127: "PCR", 0x12D: "UPGRADE",
        0x12E: "TOO_MANY_CONTEXTS", 0x12F: "AUTH_UNAVAILABLE", 0x142: "COMMAND_SIZE", 0x143: "COMMAND_CODE",
        0x144: "AUTHSIZE", 0x145: "AUTH_CONTEXT", 0x146: "NV_RANGE", 0x147: "NV_SIZE", 0x148: "NV_LOCKED",
        0x149: "NV_AUTHORIZATION", 0x14A: "NV_UNINITIALIZED", 0x14B: "NV_SPACE", 0x14C: "NV_DEFINED",
        0x150: "BAD_CONTEXT", 0x151: "CPHASH", 0x152: "PARENT", 0x153: "NEEDS_TEST", 0x154: "NO_RESULT",
        0x155: "SENSITIVE", 0x081: "ASYMMETRIC", 0x082: "ATTRIBUTES", 0x083: "HASH", 0x084: "VALUE",
        0x085: "HIERARCHY", 0x087: "KEY_SIZE", 0x089: "MGF", 0x08A: "MODE", 0x08B: "HANDLE", 0x08C: "KDF",
        0x08D: "RANGE", 0x08E: "AUTH_FAIL", 0x08F: "NONCE", 0x090: "PP", 0x092: "SCHEME", 0x095: "SIZE",
        0x096: "SYMMETRIC", 0x097: "TAG", 0x098: "SELECTOR", 0x09A: "INSUFFICIENT", 0x09B: "SIGNATURE",
        0x09C: "KEY", 0x09D: "POLICY_FAIL", 0x09F: "INTEGRITY", 0x0A0: "TICKET", 0x0A1: "RESERVED_BITS",
        0x0A2: "BAD_AUTH", 0x0A3: "EXPIRED", 0x0A4: "POLICY_CC", 0x0A5: "BINDING", 0x0A6: "CURVE",
        0x0A7: "ECC_POINT", 0x901: "CONTEXT_GAP", 0x902: "OBJECT_MEMORY", 0x903: "SESSION_MEMORY",
        0x904: "MEMORY", 0x905: "SESSION_HANDLES", 0x906: "OBJECT_HANDLES", 0x907: "LOCALITY", 0x908: "YIELDED",
        0x909: "CANCELED", 0x90A: "TESTING", 0x910: "REFERENCE_H0", 0x911: "REFERENCE_H1", 0x912: "REFERENCE_H2",
        0x918: "REFERENCE_S0", 0x919: "REFERENCE_S1", 0x920: "NV_RATE", 0x921: "LOCKOUT", 0x922: "RETRY",
        0x923: "NV_UNAVAILABLE",
    ]
}
