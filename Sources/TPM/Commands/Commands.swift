// The commands Tenpin sends, in the order of TPM 2.0 Part 3; each is a value that shows its handles and parameters.

extension Command {
    /// TPM2_Startup(CLEAR). Part 3 §9.3.
    public static let startup = Command(.startup) { $0.integer(UInt16(0)) }

    /// TPM2_StartAuthSession with SHA-256. Part 3 §11.1.
    public static func startAuthSession(
        _ kind: SessionKind, saltedTo key: Entity? = nil, encryptedSalt: [UInt8] = [], nonceCaller: [UInt8],
        parameterEncryption: Bool = false
    ) -> Command {
        Command(.startAuthSession, handles: [key ?? Entity(.null), Entity(.null)], answersHandle: true) { writer in
            writer.sized(nonceCaller)
            writer.sized(encryptedSalt)
            writer.integer(kind.rawValue)
            if parameterEncryption {
                writer.integer(UInt16(0x0006))
                writer.integer(UInt16(128))
                writer.integer(UInt16(0x0043))
            } else {
                writer.integer(UInt16(0x0010))
            }
            writer.integer(HashAlgorithm.sha256.rawValue)
        }
    }

    /// TPM2_Load of what Import or Create gave (TPM2B_PRIVATE without its size). Part 3 §12.2.
    public static func load(_ area: PublicArea, private: [UInt8], under parent: Entity) -> Command {
        Command(.load, handles: [parent], answersHandle: true) { writer in
            writer.sized(`private`)
            writer.raw(area.tpm2b)
        }
    }

    /// TPM2_LoadExternal of a public area alone. Part 3 §12.3.
    public static func loadExternal(_ area: PublicArea) -> Command {
        Command(.loadExternal, answersHandle: true) { writer in
            writer.integer(UInt16(0))
            writer.raw(area.tpm2b)
            writer.integer(Handle.null.rawValue)
        }
    }

    /// TPM2_ReadPublic. Part 3 §12.4.
    public static func readPublic(_ handle: Handle) -> Command {
        Command(.readPublic, handles: [Entity(handle)]) { _ in }
    }

    /// TPM2_ActivateCredential: answers what `credential` holds, if it was made for `key`. Part 3 §12.5.
    public static func activateCredential(_ credential: Credential, of key: Entity, by endorsement: Entity) -> Command {
        Command(.activateCredential, handles: [key, endorsement]) { writer in
            writer.sized(credential.blob)
            writer.sized(credential.encryptedSeed)
        }
    }

    /// TPM2_Unseal. Part 3 §12.7.
    public static func unseal(_ object: Entity) -> Command {
        Command(.unseal, handles: [object]) { _ in }
    }

    /// TPM2_Import under an asymmetric parent, without inner wrapper. Part 3 §13.3.
    public static func `import`(_ area: PublicArea, sealed: Sealed, under parent: Entity) -> Command {
        Command(.import, handles: [parent]) { writer in
            writer.integer(UInt16(0))
            writer.raw(area.tpm2b)
            writer.sized(sealed.duplicate)
            writer.sized(sealed.encryptedSeed)
            writer.integer(UInt16(0x0010))
        }
    }

    /// TPM2_ECDH_ZGen. Part 3 §14.5.
    public static func ecdhZGen(_ key: Entity, _ point: P256Point) -> Command {
        Command(.ecdhZGen, handles: [key]) { writer in
            writer.sized { point.write(to: &$0) }
        }
    }

    /// TPM2_GetRandom. Part 3 §16.1.
    public static func getRandom(_ count: UInt16) -> Command {
        Command(.getRandom) { $0.integer(count) }
    }

    /// TPM2_PolicySigned; an expiration above zero ends the authorization that many seconds after the session's start.
    /// Part 3 §23.3.
    public static func policySigned(
        _ session: Handle, key: Entity, nonceTPM: [UInt8], cpHash: [UInt8], reference: [UInt8], expiration: Int32,
        signature: Signature
    ) -> Command {
        Command(.policySigned, handles: [key, Entity(session)]) { writer in
            writer.sized(nonceTPM)
            writer.sized(cpHash)
            writer.sized(reference)
            writer.integer(UInt32(bitPattern: expiration))
            writer.raw(signature.bytes)
        }
    }

    /// TPM2_PolicySecret, for as long as the session lives. Part 3 §23.4.
    public static func policySecret(_ session: Handle, authority: Entity) -> Command {
        Command(.policySecret, handles: [authority, Entity(session)]) { writer in
            for _ in 0..<3 { writer.integer(UInt16(0)) }
            writer.integer(UInt32(0))
        }
    }

    /// TPM2_PolicyOR. Part 3 §23.6.
    public static func policyOR(_ session: Handle, _ branches: [[UInt8]]) -> Command {
        Command(.policyOR, handles: [Entity(session)]) { writer in
            writer.integer(UInt32(branches.count))
            for digest in branches { writer.sized(digest) }
        }
    }

    /// TPM2_PolicyNV, authorized by `authority`, which for a slot is the slot itself. Part 3 §23.9.
    public static func policyNV(
        _ session: Handle, authority: Entity, index: Entity, operand: [UInt8], offset: UInt16,
        operation: Policy.Comparison
    ) -> Command {
        Command(.policyNV, handles: [authority, index, Entity(session)]) { writer in
            writer.sized(operand)
            writer.integer(offset)
            writer.integer(operation.rawValue)
        }
    }

    /// TPM2_PolicyCommandCode. Part 3 §23.11.
    public static func policyCommandCode(_ session: Handle, _ code: CommandCode) -> Command {
        Command(.policyCommandCode, handles: [Entity(session)]) { $0.integer(code.rawValue) }
    }

    /// TPM2_PolicyGetDigest. Part 3 §23.19.
    public static func policyGetDigest(_ session: Handle) -> Command {
        Command(.policyGetDigest, handles: [Entity(session)]) { _ in }
    }

    /// TPM2_CreatePrimary with an empty inSensitive, which is the one form that parses as four zero bytes. Part 3 §24.1.
    public static func createPrimary(_ template: PublicArea, in hierarchy: Handle) -> Command {
        Command(.createPrimary, handles: [Entity(hierarchy)], answersHandle: true) { writer in
            // 1. inSensitive is a first TPM2B parameter, so a foreign session could claim to decrypt it;
            // 2. decrypted into anything but an empty authValue and empty data, it would not parse or not be allowed.
            writer.sized([0, 0, 0, 0])
            writer.raw(template.tpm2b)
            writer.integer(UInt16(0))
            writer.integer(UInt32(0))
        }
    }

    /// TPM2_ContextSave. Part 3 §28.2.
    public static func contextSave(_ handle: Handle) -> Command {
        Command(.contextSave, handles: [Entity(handle)]) { _ in }
    }

    /// TPM2_ContextLoad. Part 3 §28.3.
    public static func contextLoad(_ context: [UInt8]) -> Command {
        Command(.contextLoad, answersHandle: true) { $0.raw(context) }
    }

    /// TPM2_FlushContext; the handle is a parameter. Part 3 §28.4.
    public static func flushContext(_ handle: Handle) -> Command {
        Command(.flushContext) { $0.integer(handle.rawValue) }
    }

    /// TPM2_EvictControl by the owner: makes `object` persistent, or takes the persistent `object` away. Part 3 §28.5.
    public static func evictControl(_ object: Entity, persistent: Handle) -> Command {
        Command(.evictControl, handles: [Entity(.owner), object]) { $0.integer(persistent.rawValue) }
    }

    /// TPM2_GetCapability. Part 3 §30.2.
    public static func getCapability(_ capability: Capability, from first: UInt32, count: UInt32) -> Command {
        Command(.getCapability) { writer in
            writer.integer(capability.rawValue)
            writer.integer(first)
            writer.integer(count)
        }
    }

    /// TPM2_NV_DefineSpace by the owner, with an empty authValue. Part 3 §31.3.
    public static func nvDefineSpace(_ area: NVPublic) -> Command {
        Command(.nvDefineSpace, handles: [Entity(.owner)]) { writer in
            writer.integer(UInt16(0))
            writer.raw(area.tpm2b)
        }
    }

    /// TPM2_NV_UndefineSpace by the owner. Part 3 §31.4.
    public static func nvUndefineSpace(_ index: Entity) -> Command {
        Command(.nvUndefineSpace, handles: [Entity(.owner), index]) { _ in }
    }

    /// TPM2_NV_ReadPublic. Part 3 §31.6.
    public static func nvReadPublic(_ index: Handle) -> Command {
        Command(.nvReadPublic, handles: [Entity(index)]) { _ in }
    }

    /// TPM2_NV_Write, authorized by the index itself. Part 3 §31.7.
    public static func nvWrite(_ index: Entity, _ data: [UInt8], offset: UInt16) -> Command {
        Command(.nvWrite, handles: [index, index]) { writer in
            writer.sized(data)
            writer.integer(offset)
        }
    }

    /// TPM2_NV_Increment, authorized by the counter itself. Part 3 §31.8.
    public static func nvIncrement(_ counter: Entity) -> Command {
        Command(.nvIncrement, handles: [counter, counter]) { _ in }
    }

    /// TPM2_NV_Read, authorized by `authority`. Part 3 §31.13.
    public static func nvRead(_ index: Entity, authority: Entity, size: UInt16, offset: UInt16 = 0) -> Command {
        Command(.nvRead, handles: [authority, index]) { writer in
            writer.integer(size)
            writer.integer(offset)
        }
    }

    /// TPM2_NV_Certify by `key` with its own scheme, authorized by the index itself. Part 3 §31.16.
    public static func nvCertify(
        _ index: Entity, by key: Entity, qualifyingData: [UInt8], size: UInt16, offset: UInt16 = 0
    ) -> Command {
        Command(.nvCertify, handles: [key, index, index]) { writer in
            writer.sized(qualifyingData)
            writer.integer(UInt16(0x0010))
            writer.integer(size)
            writer.integer(offset)
        }
    }
}

/// TPM_SE. TPM 2.0 Part 2 §6.11.
public enum SessionKind: UInt8, Hashable, Sendable {
    case hmac = 0x00
    case policy = 0x01
    /// Computes a policy's digest and authorizes nothing.
    case trial = 0x03
}

/// TPM_CAP. TPM 2.0 Part 2 §6.12.
public enum Capability: UInt32, Hashable, Sendable {
    case algorithms = 0
    case handles = 1
    case commands = 2
    case properties = 6
    case curves = 8
}
