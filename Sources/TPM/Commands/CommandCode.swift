/// TPM_CC, the commands of the standard: those that Tenpin sends, and those that a policy can name. TPM 2.0 Part 2 §6.5.2.
public enum CommandCode: UInt32, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case nvUndefineSpaceSpecial = 0x011F
    case evictControl = 0x0120
    case hierarchyControl = 0x0121
    case nvUndefineSpace = 0x0122
    case changeEPS = 0x0124
    case changePPS = 0x0125
    case clear = 0x0126
    case clearControl = 0x0127
    case clockSet = 0x0128
    case hierarchyChangeAuth = 0x0129
    case nvDefineSpace = 0x012A
    case pcrAllocate = 0x012B
    case pcrSetAuthPolicy = 0x012C
    case ppCommands = 0x012D
    case setPrimaryPolicy = 0x012E
    case fieldUpgradeStart = 0x012F
    case clockRateAdjust = 0x0130
    case createPrimary = 0x0131
    case nvGlobalWriteLock = 0x0132
    case getCommandAuditDigest = 0x0133
    case nvIncrement = 0x0134
    case nvSetBits = 0x0135
    case nvExtend = 0x0136
    case nvWrite = 0x0137
    case nvWriteLock = 0x0138
    case dictionaryAttackLockReset = 0x0139
    case dictionaryAttackParameters = 0x013A
    case nvChangeAuth = 0x013B
    case pcrEvent = 0x013C
    case pcrReset = 0x013D
    case sequenceComplete = 0x013E
    case setAlgorithmSet = 0x013F
    case setCommandCodeAuditStatus = 0x0140
    case fieldUpgradeData = 0x0141
    case incrementalSelfTest = 0x0142
    case selfTest = 0x0143
    case startup = 0x0144
    case shutdown = 0x0145
    case stirRandom = 0x0146
    case activateCredential = 0x0147
    case certify = 0x0148
    case policyNV = 0x0149
    case certifyCreation = 0x014A
    case duplicate = 0x014B
    case getTime = 0x014C
    case getSessionAuditDigest = 0x014D
    case nvRead = 0x014E
    case nvReadLock = 0x014F
    case objectChangeAuth = 0x0150
    case policySecret = 0x0151
    case rewrap = 0x0152
    case create = 0x0153
    case ecdhZGen = 0x0154
    case hmac = 0x0155
    case `import` = 0x0156
    case load = 0x0157
    case quote = 0x0158
    case rsaDecrypt = 0x0159
    case hmacStart = 0x015B
    case sequenceUpdate = 0x015C
    case sign = 0x015D
    case unseal = 0x015E
    case policySigned = 0x0160
    case contextLoad = 0x0161
    case contextSave = 0x0162
    case ecdhKeyGen = 0x0163
    case encryptDecrypt = 0x0164
    case flushContext = 0x0165
    case loadExternal = 0x0167
    case makeCredential = 0x0168
    case nvReadPublic = 0x0169
    case policyAuthorize = 0x016A
    case policyAuthValue = 0x016B
    case policyCommandCode = 0x016C
    case policyCounterTimer = 0x016D
    case policyCpHash = 0x016E
    case policyLocality = 0x016F
    case policyNameHash = 0x0170
    case policyOR = 0x0171
    case policyTicket = 0x0172
    case readPublic = 0x0173
    case rsaEncrypt = 0x0174
    case startAuthSession = 0x0176
    case verifySignature = 0x0177
    case eccParameters = 0x0178
    case firmwareRead = 0x0179
    case getCapability = 0x017A
    case getRandom = 0x017B
    case getTestResult = 0x017C
    case hash = 0x017D
    case pcrRead = 0x017E
    case policyPCR = 0x017F
    case policyRestart = 0x0180
    case readClock = 0x0181
    case pcrExtend = 0x0182
    case pcrSetAuthValue = 0x0183
    case nvCertify = 0x0184
    case eventSequenceComplete = 0x0185
    case hashSequenceStart = 0x0186
    case policyPhysicalPresence = 0x0187
    case policyDuplicationSelect = 0x0188
    case policyGetDigest = 0x0189
    case testParms = 0x018A
    case commit = 0x018B
    case policyPassword = 0x018C
    case zGen2Phase = 0x018D
    case ecEphemeral = 0x018E
    case policyNvWritten = 0x018F
    case policyTemplate = 0x0190
    case createLoaded = 0x0191
    case policyAuthorizeNV = 0x0192
    case encryptDecrypt2 = 0x0193
    case acGetCapability = 0x0194
    case acSend = 0x0195
    case policyACSendSelect = 0x0196
    case certifyX509 = 0x0197
    case actSetTimeout = 0x0198
    case eccEncrypt = 0x0199
    case eccDecrypt = 0x019A

    /// The code as it is hashed and sent, 4 bytes.
    public var bytes: [UInt8] { Writer.bytes { $0.integer(rawValue) } }

    /// The command with this name, in any case and with or without `TPM2_` or `TPM2_CC_`.
    public init?(name: some StringProtocol) {
        var wanted = name.lowercased()
        for prefix in ["tpm2_cc_", "tpm_cc_", "tpm2_"] where wanted.hasPrefix(prefix) {
            wanted.removeFirst(prefix.count)
            break
        }
        guard let match = Self.allCases.first(where: { $0.description.lowercased() == wanted }) else { return nil }
        self = match
    }

    /// The name in Part 3, without `TPM2_`.
    public var description: String {
        switch self {
        case .nvUndefineSpaceSpecial: "NV_UndefineSpaceSpecial"
        case .evictControl: "EvictControl"
        case .hierarchyControl: "HierarchyControl"
        case .nvUndefineSpace: "NV_UndefineSpace"
        case .changeEPS: "ChangeEPS"
        case .changePPS: "ChangePPS"
        case .clear: "Clear"
        case .clearControl: "ClearControl"
        case .clockSet: "ClockSet"
        case .hierarchyChangeAuth: "HierarchyChangeAuth"
        case .nvDefineSpace: "NV_DefineSpace"
        case .pcrAllocate: "PCR_Allocate"
        case .pcrSetAuthPolicy: "PCR_SetAuthPolicy"
        case .ppCommands: "PP_Commands"
        case .setPrimaryPolicy: "SetPrimaryPolicy"
        case .fieldUpgradeStart: "FieldUpgradeStart"
        case .clockRateAdjust: "ClockRateAdjust"
        case .createPrimary: "CreatePrimary"
        case .nvGlobalWriteLock: "NV_GlobalWriteLock"
        case .getCommandAuditDigest: "GetCommandAuditDigest"
        case .nvIncrement: "NV_Increment"
        case .nvSetBits: "NV_SetBits"
        case .nvExtend: "NV_Extend"
        case .nvWrite: "NV_Write"
        case .nvWriteLock: "NV_WriteLock"
        case .dictionaryAttackLockReset: "DictionaryAttackLockReset"
        case .dictionaryAttackParameters: "DictionaryAttackParameters"
        case .nvChangeAuth: "NV_ChangeAuth"
        case .pcrEvent: "PCR_Event"
        case .pcrReset: "PCR_Reset"
        case .sequenceComplete: "SequenceComplete"
        case .setAlgorithmSet: "SetAlgorithmSet"
        case .setCommandCodeAuditStatus: "SetCommandCodeAuditStatus"
        case .fieldUpgradeData: "FieldUpgradeData"
        case .incrementalSelfTest: "IncrementalSelfTest"
        case .selfTest: "SelfTest"
        case .startup: "Startup"
        case .shutdown: "Shutdown"
        case .stirRandom: "StirRandom"
        case .activateCredential: "ActivateCredential"
        case .certify: "Certify"
        case .policyNV: "PolicyNV"
        case .certifyCreation: "CertifyCreation"
        case .duplicate: "Duplicate"
        case .getTime: "GetTime"
        case .getSessionAuditDigest: "GetSessionAuditDigest"
        case .nvRead: "NV_Read"
        case .nvReadLock: "NV_ReadLock"
        case .objectChangeAuth: "ObjectChangeAuth"
        case .policySecret: "PolicySecret"
        case .rewrap: "Rewrap"
        case .create: "Create"
        case .ecdhZGen: "ECDH_ZGen"
        case .hmac: "HMAC"
        case .import: "Import"
        case .load: "Load"
        case .quote: "Quote"
        case .rsaDecrypt: "RSA_Decrypt"
        case .hmacStart: "HMAC_Start"
        case .sequenceUpdate: "SequenceUpdate"
        case .sign: "Sign"
        case .unseal: "Unseal"
        case .policySigned: "PolicySigned"
        case .contextLoad: "ContextLoad"
        case .contextSave: "ContextSave"
        case .ecdhKeyGen: "ECDH_KeyGen"
        case .encryptDecrypt: "EncryptDecrypt"
        case .flushContext: "FlushContext"
        case .loadExternal: "LoadExternal"
        case .makeCredential: "MakeCredential"
        case .nvReadPublic: "NV_ReadPublic"
        case .policyAuthorize: "PolicyAuthorize"
        case .policyAuthValue: "PolicyAuthValue"
        case .policyCommandCode: "PolicyCommandCode"
        case .policyCounterTimer: "PolicyCounterTimer"
        case .policyCpHash: "PolicyCpHash"
        case .policyLocality: "PolicyLocality"
        case .policyNameHash: "PolicyNameHash"
        case .policyOR: "PolicyOR"
        case .policyTicket: "PolicyTicket"
        case .readPublic: "ReadPublic"
        case .rsaEncrypt: "RSA_Encrypt"
        case .startAuthSession: "StartAuthSession"
        case .verifySignature: "VerifySignature"
        case .eccParameters: "ECC_Parameters"
        case .firmwareRead: "FirmwareRead"
        case .getCapability: "GetCapability"
        case .getRandom: "GetRandom"
        case .getTestResult: "GetTestResult"
        case .hash: "Hash"
        case .pcrRead: "PCR_Read"
        case .policyPCR: "PolicyPCR"
        case .policyRestart: "PolicyRestart"
        case .readClock: "ReadClock"
        case .pcrExtend: "PCR_Extend"
        case .pcrSetAuthValue: "PCR_SetAuthValue"
        case .nvCertify: "NV_Certify"
        case .eventSequenceComplete: "EventSequenceComplete"
        case .hashSequenceStart: "HashSequenceStart"
        case .policyPhysicalPresence: "PolicyPhysicalPresence"
        case .policyDuplicationSelect: "PolicyDuplicationSelect"
        case .policyGetDigest: "PolicyGetDigest"
        case .testParms: "TestParms"
        case .commit: "Commit"
        case .policyPassword: "PolicyPassword"
        case .zGen2Phase: "ZGen_2Phase"
        case .ecEphemeral: "EC_Ephemeral"
        case .policyNvWritten: "PolicyNvWritten"
        case .policyTemplate: "PolicyTemplate"
        case .createLoaded: "CreateLoaded"
        case .policyAuthorizeNV: "PolicyAuthorizeNV"
        case .encryptDecrypt2: "EncryptDecrypt2"
        case .acGetCapability: "AC_GetCapability"
        case .acSend: "AC_Send"
        case .policyACSendSelect: "Policy_AC_SendSelect"
        case .certifyX509: "CertifyX509"
        case .actSetTimeout: "ACT_SetTimeout"
        case .eccEncrypt: "ECC_Encrypt"
        case .eccDecrypt: "ECC_Decrypt"
        }
    }
}
