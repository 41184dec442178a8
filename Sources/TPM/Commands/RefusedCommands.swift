// Commands that no conversation ever needs: a self-test sends them to see that the chip refuses them where the profile
// says so. In the order of TPM 2.0 Part 3.

extension Command {
    /// TPM2_ObjectChangeAuth to a value of three bytes. Part 3 §12.8.
    public static func objectChangeAuth(_ object: Entity, under parent: Entity) -> Command {
        Command(.objectChangeAuth, handles: [object, parent]) { $0.sized([1, 2, 3]) }
    }

    /// TPM2_Duplicate to TPM_RH_NULL, without inner wrapper. Part 3 §13.1.
    public static func duplicate(_ object: Entity) -> Command {
        Command(.duplicate, handles: [object, Entity(.null)]) { writer in
            writer.sized([])
            writer.integer(UInt16(0x0010))
        }
    }

    /// TPM2_Rewrap of a sealed object to TPM_RH_NULL, which answers with what was sealed, in plaintext. Part 3 §13.2.
    public static func rewrap(_ sealed: Sealed, named name: Name, from parent: Entity) -> Command {
        Command(.rewrap, handles: [parent, Entity(.null)]) { writer in
            writer.sized(sealed.duplicate)
            writer.sized(name.bytes)
            writer.sized(sealed.encryptedSeed)
        }
    }

    /// TPM2_ECDH_ZGen with coordinates that need not be a point's. Part 3 §14.5.
    public static func ecdhZGen(_ key: Entity, uncheckedX x: [UInt8], y: [UInt8]) -> Command {
        Command(.ecdhZGen, handles: [key]) { writer in
            writer.sized {
                $0.sized(x)
                $0.sized(y)
            }
        }
    }

    /// TPM2_ZGen_2Phase with the scheme ECDH and one point twice. Part 3 §14.7.
    public static func zGen2Phase(_ key: Entity, _ point: P256Point, counter: UInt16) -> Command {
        Command(.zGen2Phase, handles: [key]) { writer in
            for _ in 0..<2 { writer.sized { point.write(to: &$0) } }
            writer.integer(UInt16(0x0019))
            writer.integer(counter)
        }
    }

    /// TPM2_EC_Ephemeral on P-256; it answers a point and a counter of two bytes. Part 3 §19.3.
    public static let ecEphemeral = Command(.ecEphemeral) { $0.integer(PublicArea.Curve.p256.rawValue) }

    /// TPM2_NV_Increment. Part 3 §31.8.
    public static func nvIncrement(_ index: Entity, authority: Entity) -> Command {
        Command(.nvIncrement, handles: [authority, index]) { _ in }
    }

    /// TPM2_NV_Write, authorized by `authority`. Part 3 §31.7.
    public static func nvWrite(_ index: Entity, authority: Entity, _ data: [UInt8], offset: UInt16) -> Command {
        Command(.nvWrite, handles: [authority, index]) { writer in
            writer.sized(data)
            writer.integer(offset)
        }
    }

    /// TPM2_NV_ChangeAuth to a value of three bytes. Part 3 §31.15.
    public static func nvChangeAuth(_ index: Entity) -> Command {
        Command(.nvChangeAuth, handles: [index]) { $0.sized([1, 2, 3]) }
    }

    /// TPM2_NV_Certify of a slot by no key at all: the certificate is empty, the authorization of the index is not.
    /// Part 3 §31.16.
    public static func nvCertifyUnsigned(_ index: Entity) -> Command {
        Command(.nvCertify, handles: [Entity(.null), index, index]) { writer in
            writer.sized([])
            writer.integer(UInt16(0x0010))
            writer.integer(UInt16(8))
            writer.integer(UInt16(0))
        }
    }

    /// TPM2_ReadClock. Part 3 §29.1.
    public static let readClock = Command(.readClock) { _ in }
}
