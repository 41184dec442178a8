/// The evaluation key: multiplies a point by the OPRF key, and each use costs its slot one guess.
public enum EvaluationKeyProfile {
    /// PolicyNV over the *written* slot, always true, must be authorized by the slot itself: that spends the guess.
    /// Owner, platform and the slot's read branches cannot authorize it. Without PolicyCommandCode, ZGen_2Phase would run on
    /// the same authorization.
    public static func policy(slot: SlotProfile) -> Policy {
        Policy(
            .nv(
                index: slot.publicArea(written: true).name, operand: [0], offset: 0,
                operation: .unsignedGreaterOrEqual),
            .commandCode(.ecdhZGen))
    }

    /// The key's public area: decrypt, noDA, adminWithPolicy, and nothing else.
    public static func publicArea(_ key: P256Point, slot: SlotProfile) -> PublicArea {
        PublicArea(
            nameAlgorithm: .sha256, attributes: [.decrypt, .noDA, .adminWithPolicy],
            authPolicy: policy(slot: slot).digest(),
            body: .ecc(curve: .p256, symmetric: nil, scheme: .ecdh(.sha256), x: key.x, y: key.y))
    }
}

/// The bundle: backup key and limit seed, encrypted under a password-derived key, sealed in the chip.
public enum BundleProfile {
    /// Its exact size in bytes, below the 128 that every chip seals.
    public static let size = 109

    /// The open key's signature authorizes Unseal and nothing else.
    public static func policy(openKey: P256Point, authority: AuthorityProfile) throws(ProfileError) -> Policy {
        Policy(
            .signed(key: try authority.name(of: openKey), reference: authority.openReference), .commandCode(.unseal))
    }

    /// The sealed object's public area; `unique` is the 32-byte digest that binds seed value and data.
    public static func publicArea(
        openKey: P256Point, authority: AuthorityProfile, unique: [UInt8]
    ) throws(ProfileError) -> PublicArea {
        PublicArea(
            nameAlgorithm: .sha256, attributes: [.noDA, .adminWithPolicy],
            authPolicy: try policy(openKey: openKey, authority: authority).digest(), body: .sealed(unique: unique))
    }

    /// The Unseal of the bundle with this public area; its cpHash depends on the Name alone.
    public static func command(_ area: PublicArea, handle: Handle = .null) -> Command {
        .unseal(Command.Entity(handle, area.name))
    }
}
