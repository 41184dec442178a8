/// Reserves a slot for a fresh enrollment. An account that is live is refused unless `replaces` names its enrollment.
public struct Reserve: VaultMethod {
    public static let name = "Reserve"
    public var account: Account
    public var enrollment: EnrollmentID
    public var replaces: EnrollmentID?

    public init(account: Account, enrollment: EnrollmentID, replaces: EnrollmentID?) {
        self.account = account
        self.enrollment = enrollment
        self.replaces = replaces
    }

    public struct Reply: Codable, Hashable, Sendable {
        /// The slot's handle.
        public var slot: UInt32
        public init(slot: UInt32) { self.slot = slot }
    }
}

/// An object sealed to the parent.
public struct SealedObject: Codable, Hashable, Sendable {
    /// TPM2B_PUBLIC.
    public var publicArea: Bytes
    /// Contents of TPM2B_PRIVATE.
    public var duplicate: Bytes
    /// Contents of TPM2B_ENCRYPTED_SECRET.
    public var encryptedSeed: Bytes

    public init(publicArea: Bytes, duplicate: Bytes, encryptedSeed: Bytes) {
        self.publicArea = publicArea
        self.duplicate = duplicate
        self.encryptedSeed = encryptedSeed
    }
}

/// Defines the slot and imports the evaluation key.
public struct Define: VaultMethod {
    public static let name = "Define"
    public typealias Reply = Done
    public var account: Account
    public var enrollment: EnrollmentID
    /// TPM2B_PUBLIC of the limit key, with the authority hash.
    public var limitKey: Bytes
    /// TPM2B_NV_PUBLIC of the unwritten slot.
    public var slot: Bytes
    public var evaluationKey: SealedObject

    public init(
        account: Account, enrollment: EnrollmentID, limitKey: Bytes, slot: Bytes, evaluationKey: SealedObject
    ) {
        self.account = account
        self.enrollment = enrollment
        self.limitKey = limitKey
        self.slot = slot
        self.evaluationKey = evaluationKey
    }
}

/// Step 3 of an enrollment: everything that makes a guess checkable. A repetition changes nothing.
public struct Commit: VaultMethod {
    public static let name = "Commit"
    public typealias Reply = Done
    public var recipe: Recipe
    /// 32 bytes.
    public var confirmation: Bytes
    /// TPM2B_PUBLIC of the open key.
    public var openKey: Bytes
    public var bundle: SealedObject
    /// Older backup keys, encrypted under the new one; at most 4 KiB.
    public var olderKeys: Bytes

    public init(recipe: Recipe, confirmation: Bytes, openKey: Bytes, bundle: SealedObject, olderKeys: Bytes) {
        self.recipe = recipe
        self.confirmation = confirmation
        self.openKey = openKey
        self.bundle = bundle
        self.olderKeys = olderKeys
    }
}
