/// How a command's bytes begin: how many handles it has, how many of them are authorized, and whether a handle comes back.
/// TPM 2.0 Part 3, the tables of each command.
struct CommandShape: Sendable {
    /// The name in Part 3, without `TPM2_`.
    let name: String
    let handles: Int
    let authorized: Int
    var answersHandle = false
    /// Whether the first handle's private key is multiplied with a point, or used like that.
    var usesPrivateKey = false

    /// By TPM_CC.
    static let all: [UInt32: CommandShape] = [
        0x11F: .init("NV_UndefineSpaceSpecial", 2, 2), 0x120: .init("EvictControl", 2, 1),
        0x121: .init("HierarchyControl", 1, 1), 0x122: .init("NV_UndefineSpace", 2, 1),
        0x124: .init("ChangeEPS", 1, 1), 0x125: .init("ChangePPS", 1, 1), 0x126: .init("Clear", 1, 1),
        0x127: .init("ClearControl", 1, 1), 0x128: .init("ClockSet", 1, 1),
        0x129: .init("HierarchyChangeAuth", 1, 1), 0x12A: .init("NV_DefineSpace", 1, 1),
        0x12E: .init("SetPrimaryPolicy", 1, 1), 0x131: .init("CreatePrimary", 1, 1, answersHandle: true),
        0x132: .init("NV_GlobalWriteLock", 1, 1), 0x134: .init("NV_Increment", 2, 1),
        0x135: .init("NV_SetBits", 2, 1), 0x136: .init("NV_Extend", 2, 1), 0x137: .init("NV_Write", 2, 1),
        0x138: .init("NV_WriteLock", 2, 1), 0x139: .init("DictionaryAttackLockReset", 1, 1),
        0x13A: .init("DictionaryAttackParameters", 1, 1), 0x13B: .init("NV_ChangeAuth", 1, 1),
        0x143: .init("SelfTest", 0, 0), 0x144: .init("Startup", 0, 0), 0x145: .init("Shutdown", 0, 0),
        0x146: .init("StirRandom", 0, 0), 0x147: .init("ActivateCredential", 2, 2), 0x148: .init("Certify", 2, 2),
        0x149: .init("PolicyNV", 3, 1), 0x14B: .init("Duplicate", 2, 1), 0x14E: .init("NV_Read", 2, 1),
        0x14F: .init("NV_ReadLock", 2, 1), 0x150: .init("ObjectChangeAuth", 2, 1), 0x151: .init("PolicySecret", 2, 1),
        0x152: .init("Rewrap", 2, 1), 0x153: .init("Create", 1, 1),
        0x154: .init("ECDH_ZGen", 1, 1, usesPrivateKey: true), 0x156: .init("Import", 1, 1),
        0x157: .init("Load", 1, 1, answersHandle: true), 0x158: .init("Quote", 1, 1),
        0x159: .init("RSA_Decrypt", 1, 1, usesPrivateKey: true), 0x15D: .init("Sign", 1, 1, usesPrivateKey: true),
        0x15E: .init("Unseal", 1, 1), 0x160: .init("PolicySigned", 2, 0),
        0x161: .init("ContextLoad", 0, 0, answersHandle: true), 0x162: .init("ContextSave", 1, 0),
        0x163: .init("ECDH_KeyGen", 1, 0), 0x165: .init("FlushContext", 0, 0),
        0x167: .init("LoadExternal", 0, 0, answersHandle: true), 0x168: .init("MakeCredential", 1, 0),
        0x169: .init("NV_ReadPublic", 1, 0), 0x16A: .init("PolicyAuthorize", 1, 0),
        0x16B: .init("PolicyAuthValue", 1, 0), 0x16C: .init("PolicyCommandCode", 1, 0),
        0x171: .init("PolicyOR", 1, 0), 0x173: .init("ReadPublic", 1, 0),
        0x176: .init("StartAuthSession", 2, 0, answersHandle: true), 0x17A: .init("GetCapability", 0, 0),
        0x17B: .init("GetRandom", 0, 0), 0x180: .init("PolicyRestart", 1, 0), 0x184: .init("NV_Certify", 3, 2),
        0x189: .init("PolicyGetDigest", 1, 0), 0x18B: .init("Commit", 1, 1, usesPrivateKey: true),
        0x18C: .init("PolicyPassword", 1, 0), 0x18D: .init("ZGen_2Phase", 1, 1, usesPrivateKey: true),
        0x18E: .init("EC_Ephemeral", 0, 0), 0x191: .init("CreateLoaded", 1, 1, answersHandle: true),
        0x192: .init("PolicyAuthorizeNV", 3, 1), 0x19A: .init("ECC_Decrypt", 1, 1, usesPrivateKey: true),
    ]

    private init(
        _ name: String, _ handles: Int, _ authorized: Int, answersHandle: Bool = false, usesPrivateKey: Bool = false
    ) {
        self.name = name
        self.handles = handles
        self.authorized = authorized
        self.answersHandle = answersHandle
        self.usesPrivateKey = usesPrivateKey
    }
}
