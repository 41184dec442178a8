/// TPM_CC, the commands that Tenpin sends or names. TPM 2.0 Part 2 §6.5.2.
public enum CommandCode: UInt32, Hashable, Sendable, CustomStringConvertible {
    case evictControl = 0x0120
    case nvUndefineSpace = 0x0122
    case nvDefineSpace = 0x012A
    case createPrimary = 0x0131
    case nvIncrement = 0x0134
    case nvWrite = 0x0137
    case nvChangeAuth = 0x013B
    case selfTest = 0x0143
    case startup = 0x0144
    case shutdown = 0x0145
    case activateCredential = 0x0147
    case policyNV = 0x0149
    case duplicate = 0x014B
    case nvRead = 0x014E
    case objectChangeAuth = 0x0150
    case policySecret = 0x0151
    case rewrap = 0x0152
    case ecdhZGen = 0x0154
    case `import` = 0x0156
    case load = 0x0157
    case unseal = 0x015E
    case policySigned = 0x0160
    case contextLoad = 0x0161
    case contextSave = 0x0162
    case flushContext = 0x0165
    case loadExternal = 0x0167
    case nvReadPublic = 0x0169
    case policyCommandCode = 0x016C
    case policyOR = 0x0171
    case readPublic = 0x0173
    case startAuthSession = 0x0176
    case getCapability = 0x017A
    case getRandom = 0x017B
    case readClock = 0x0181
    case nvCertify = 0x0184
    case policyGetDigest = 0x0189
    case zGen2Phase = 0x018D
    case ecEphemeral = 0x018E

    /// The code as it is hashed and sent, 4 bytes.
    public var bytes: [UInt8] { Writer.bytes { $0.integer(rawValue) } }

    /// The name in Part 3, without `TPM2_`.
    public var description: String {
        switch self {
        case .evictControl: "EvictControl"
        case .nvUndefineSpace: "NV_UndefineSpace"
        case .nvDefineSpace: "NV_DefineSpace"
        case .createPrimary: "CreatePrimary"
        case .nvIncrement: "NV_Increment"
        case .nvWrite: "NV_Write"
        case .nvChangeAuth: "NV_ChangeAuth"
        case .selfTest: "SelfTest"
        case .startup: "Startup"
        case .shutdown: "Shutdown"
        case .activateCredential: "ActivateCredential"
        case .policyNV: "PolicyNV"
        case .duplicate: "Duplicate"
        case .nvRead: "NV_Read"
        case .objectChangeAuth: "ObjectChangeAuth"
        case .policySecret: "PolicySecret"
        case .rewrap: "Rewrap"
        case .ecdhZGen: "ECDH_ZGen"
        case .import: "Import"
        case .load: "Load"
        case .unseal: "Unseal"
        case .policySigned: "PolicySigned"
        case .contextLoad: "ContextLoad"
        case .contextSave: "ContextSave"
        case .flushContext: "FlushContext"
        case .loadExternal: "LoadExternal"
        case .nvReadPublic: "NV_ReadPublic"
        case .policyCommandCode: "PolicyCommandCode"
        case .policyOR: "PolicyOR"
        case .readPublic: "ReadPublic"
        case .startAuthSession: "StartAuthSession"
        case .getCapability: "GetCapability"
        case .getRandom: "GetRandom"
        case .readClock: "ReadClock"
        case .nvCertify: "NV_Certify"
        case .policyGetDigest: "PolicyGetDigest"
        case .zGen2Phase: "ZGen_2Phase"
        case .ecEphemeral: "EC_Ephemeral"
        }
    }
}
