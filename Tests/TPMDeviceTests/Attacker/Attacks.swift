import TPM

/// What an attacker sends, by the names of TPM 2.0 Part 3.
extension RawCommand {
    /// To `newParent`, without inner wrapper. §13.1.
    static func duplicate(_ object: Command.Entity, to newParent: Command.Entity = .init(.null)) -> RawCommand {
        RawCommand(0x14B, object, newParent) { writer in
            writer.sized([])
            writer.integer(UInt16(0x0010))
        }
    }

    /// §13.2.
    static func rewrap(
        _ blob: [UInt8], seed: [UInt8], named name: Name, from old: Command.Entity, to new: Command.Entity
    ) -> RawCommand {
        RawCommand(0x152, old, new) { writer in
            writer.sized(blob)
            writer.sized(name.bytes)
            writer.sized(seed)
        }
    }

    /// §12.8.
    static func objectChangeAuth(_ object: Command.Entity, parent: Command.Entity) -> RawCommand {
        RawCommand(0x150, object, parent) { $0.sized([1, 2, 3]) }
    }

    /// §14.7, scheme ECDH.
    static func zGen2Phase(_ key: Command.Entity, _ point: P256Point, counter: UInt16) -> RawCommand {
        RawCommand(0x18D, key) { writer in
            for _ in 0..<2 {
                writer.sized {
                    $0.sized(point.x); $0.sized(point.y)
                }
            }
            writer.integer(UInt16(0x0019))
            writer.integer(counter)
        }
    }

    /// §14.5, with any coordinates.
    static func ecdhZGen(_ key: Command.Entity, x: [UInt8], y: [UInt8]) -> RawCommand {
        RawCommand(0x154, key) { writer in
            writer.sized {
                $0.sized(x); $0.sized(y)
            }
        }
    }

    /// §19.3 EC_Ephemeral, P-256.
    static var ecEphemeral: RawCommand { RawCommand(0x18E) { $0.integer(UInt16(3)) } }

    /// §16.2: takes a TPM2B that a session may encrypt, and has no other use here.
    static func stirRandom(_ bytes: [UInt8]) -> RawCommand { RawCommand(0x146) { $0.sized(bytes) } }

    /// §11.1 with an unsalted, unbound session of any type.
    static func startSession(type: UInt8, nonce: [UInt8], parameterEncryption: Bool = true) -> RawCommand {
        RawCommand(0x176, .init(.null), .init(.null), answersHandle: true) { writer in
            writer.sized(nonce)
            writer.sized([])
            writer.integer(type)
            if parameterEncryption {
                for part: UInt16 in [0x0006, 128, 0x0043] { writer.integer(part) }
            } else {
                writer.integer(UInt16(0x0010))
            }
            writer.integer(HashAlgorithm.sha256.rawValue)
        }
    }

    /// §11.1 with `key` as tpmKey and any point as encryptedSalt.
    static func startSession(saltedTo key: Command.Entity, x: [UInt8], y: [UInt8]) -> RawCommand {
        RawCommand(0x176, key, .init(.null), answersHandle: true) { writer in
            writer.sized([UInt8](repeating: 1, count: 32))
            writer.sized {
                $0.sized(x); $0.sized(y)
            }
            writer.integer(UInt8(0))
            writer.integer(UInt16(0x0010))
            writer.integer(HashAlgorithm.sha256.rawValue)
        }
    }

    // Policy, §23.
    static func policySecret(_ session: Handle, of entity: Command.Entity) -> RawCommand {
        RawCommand(0x151, entity, .init(session)) { writer in
            for _ in 0..<3 { writer.sized([]) }
            writer.integer(UInt32(0))
        }
    }
    static func policyCommandCode(_ session: Handle, _ code: UInt32) -> RawCommand {
        RawCommand(0x16C, .init(session)) { $0.integer(code) }
    }
    static func policyAuthValue(_ session: Handle) -> RawCommand { RawCommand(0x16B, .init(session)) }
    static func policyPassword(_ session: Handle) -> RawCommand { RawCommand(0x18C, .init(session)) }
    static func policyRestart(_ session: Handle) -> RawCommand { RawCommand(0x180, .init(session)) }

    // Non-volatile storage, §31.
    static func nvWrite(authority: Command.Entity, _ index: Command.Entity, _ data: [UInt8], offset: UInt16 = 0)
        -> RawCommand
    {
        RawCommand(0x137, authority, index) { writer in
            writer.sized(data)
            writer.integer(offset)
        }
    }
    static func nvIncrement(authority: Command.Entity, _ index: Command.Entity) -> RawCommand {
        RawCommand(0x134, authority, index)
    }
    static func nvExtend(authority: Command.Entity, _ index: Command.Entity) -> RawCommand {
        RawCommand(0x136, authority, index) { $0.sized([UInt8](repeating: 0, count: 8)) }
    }
    static func nvSetBits(authority: Command.Entity, _ index: Command.Entity) -> RawCommand {
        RawCommand(0x135, authority, index) { $0.integer(UInt64.max) }
    }
    static func nvWriteLock(authority: Command.Entity, _ index: Command.Entity) -> RawCommand {
        RawCommand(0x138, authority, index)
    }
    static func nvReadLock(authority: Command.Entity, _ index: Command.Entity) -> RawCommand {
        RawCommand(0x14F, authority, index)
    }
    static func nvRead(authority: Command.Entity, _ index: Command.Entity) -> RawCommand {
        RawCommand(.nvRead(index, authority: authority, size: 8))
    }
    /// Without a signing key.
    static func nvCertify(authority: Command.Entity, _ index: Command.Entity) -> RawCommand {
        RawCommand(0x184, .init(.null), authority, index) { writer in
            writer.sized([])
            writer.integer(UInt16(0x0010))
            writer.integer(UInt16(8))
            writer.integer(UInt16(0))
        }
    }
    static func nvChangeAuth(_ index: Command.Entity) -> RawCommand {
        RawCommand(0x13B, index) { $0.sized([1, 2, 3]) }
    }
    static func nvGlobalWriteLock(_ hierarchy: Handle) -> RawCommand { RawCommand(0x132, .init(hierarchy)) }
    static func nvUndefine(_ index: Command.Entity, by hierarchy: Handle) -> RawCommand {
        RawCommand(0x122, .init(hierarchy), index)
    }
    static func nvUndefineSpecial(_ index: Command.Entity) -> RawCommand {
        RawCommand(0x11F, index, .init(.platform))
    }
    static func nvDefine(_ area: NVPublic, by hierarchy: Handle = .owner) -> RawCommand {
        RawCommand(0x12A, .init(hierarchy)) { writer in
            writer.sized([])
            writer.raw(area.tpm2b)
        }
    }

    // Hierarchies and dictionary attacks, §24 and §25.
    static func clear(by hierarchy: Handle) -> RawCommand { RawCommand(0x126, .init(hierarchy)) }
    static func hierarchyChangeAuth(_ hierarchy: Handle, to value: [UInt8]) -> RawCommand {
        RawCommand(0x129, .init(hierarchy)) { $0.sized(value) }
    }
    static func hierarchyControl(_ hierarchy: Handle, enable: Bool) -> RawCommand {
        RawCommand(0x121, .init(.platform)) { writer in
            writer.integer(hierarchy.rawValue)
            writer.integer(UInt8(enable ? 1 : 0))
        }
    }
    static var changeEndorsementSeed: RawCommand { RawCommand(0x124, .init(.platform)) }
    static var changePlatformSeed: RawCommand { RawCommand(0x125, .init(.platform)) }
    static var dictionaryAttackLockReset: RawCommand { RawCommand(0x139, .init(.lockout)) }
    static var dictionaryAttackParameters: RawCommand {
        RawCommand(0x13A, .init(.lockout)) { writer in
            for value: UInt32 in [1000, 1, 0] { writer.integer(value) }
        }
    }
}
