// The messages of org.tenpin.Vault: for each method the parameters it takes and the ones it answers.
// Structures are TPM-marshalled (TPM 2.0 Part 2), points are SEC 1 compressed unless a structure holds them.

/// A method of the interface: its parameters, what it answers, and its name.
public protocol VaultMethod: Codable, Sendable {
    associatedtype Reply: Codable & Sendable
    static var name: String { get }
    /// Whether every byte string has a size that the profile allows.
    var hasProfileSizes: Bool { get }
}

/// The reply that says only that it was done.
public struct Done: Codable, Hashable, Sendable {
    public init() {}
}

/// Who the vault says it is; nothing here is believed before a device session proved it.
public struct Describe: VaultMethod {
    public static let name = "Describe"
    public init() {}

    public struct Reply: Codable, Hashable, Sendable {
        public var suite: String
        /// TPM2B_PUBLIC of the endorsement key.
        public var endorsementKey: Bytes
        /// The endorsement certificate, DER.
        public var certificate: Bytes
        /// Further certificates towards the root, DER.
        public var intermediates: [Bytes]
        /// TPM2B_PUBLIC of the parent.
        public var parent: Bytes
        /// How many more accounts the chip has room for, where that was measured.
        public var freeSlots: Int?
        /// Whether the vault says that its chip is emulated.
        public var emulated: Bool

        public init(
            suite: String, endorsementKey: Bytes, certificate: Bytes, intermediates: [Bytes], parent: Bytes,
            freeSlots: Int?, emulated: Bool
        ) {
            self.suite = suite
            self.endorsementKey = endorsementKey
            self.certificate = certificate
            self.intermediates = intermediates
            self.parent = parent
            self.freeSlots = freeSlots
            self.emulated = emulated
        }
    }
}

/// Starts a session between the device and the chip (SHA-256, AES-128-CFB), salted to the endorsement key. It lives as
/// long as the connection, or until it is used up; a connection has at most four.
public struct StartSession: VaultMethod {
    public static let name = "StartSession"
    public var kind: Kind
    /// Contents of TPM2B_ENCRYPTED_SECRET.
    public var encryptedSalt: Bytes
    /// 32 bytes.
    public var nonceCaller: Bytes

    public enum Kind: String, Codable, Sendable { case hmac, policy }

    public init(kind: Kind, encryptedSalt: Bytes, nonceCaller: Bytes) {
        self.kind = kind
        self.encryptedSalt = encryptedSalt
        self.nonceCaller = nonceCaller
    }

    public struct Reply: Codable, Hashable, Sendable {
        /// The connection's number for the session.
        public var session: Int
        public var nonceTPM: Bytes

        public init(session: Int, nonceTPM: Bytes) {
            self.session = session
            self.nonceTPM = nonceTPM
        }
    }
}

/// A device's authorization of one command, which the courier carries to the chip.
public struct Carried: Codable, Hashable, Sendable {
    public var nonceCaller: Bytes
    /// TPMA_SESSION.
    public var attributes: UInt8
    public var hmac: Bytes

    public init(nonceCaller: Bytes, attributes: UInt8, hmac: Bytes) {
        self.nonceCaller = nonceCaller
        self.attributes = attributes
        self.hmac = hmac
    }
}

/// The chip's answer to a carried command, as it came.
public struct CarriedReply: Codable, Hashable, Sendable {
    /// The response parameters; a first TPM2B is encrypted where the device asked for it.
    public var parameters: Bytes
    public var nonceTPM: Bytes
    public var attributes: UInt8
    public var hmac: Bytes

    public init(parameters: Bytes, nonceTPM: Bytes, attributes: UInt8, hmac: Bytes) {
        self.parameters = parameters
        self.nonceTPM = nonceTPM
        self.attributes = attributes
        self.hmac = hmac
    }
}

/// Has the chip say something in the device's session. No guess is spent by any of these.
public struct Prove: VaultMethod {
    public static let name = "Prove"
    public typealias Reply = CarriedReply
    public var session: Int
    public var fact: Fact
    /// For `slot` only.
    public var account: Account?
    /// For `slot` only.
    public var enrollment: EnrollmentID?
    public var authorization: Carried

    public enum Fact: String, Codable, Sendable {
        /// CreatePrimary of the parent's template in the owner hierarchy.
        case parent
        /// GetCapability TPM_PT_MAX_DIGEST (0x120), one property.
        case largestDigest
        /// GetCapability from TPM_PT_MANUFACTURER (0x105), eight properties.
        case maker
        /// GetRandom of 16 bytes: shows that this nonce belongs to the device's key.
        case random
        /// NV_Read of the account's slot, 8 bytes, through the uncounted branch.
        case slot
    }

    public init(
        session: Int, fact: Fact, account: Account? = nil, enrollment: EnrollmentID? = nil, authorization: Carried
    ) {
        self.session = session
        self.fact = fact
        self.account = account
        self.enrollment = enrollment
        self.authorization = authorization
    }
}

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

/// Writes the account's slot in the device's own policy session, with the limit key's signature and the device's HMAC.
public struct WriteSlot: VaultMethod {
    public static let name = "WriteSlot"
    public typealias Reply = CarriedReply
    public var session: Int
    public var account: Account
    public var enrollment: EnrollmentID
    public var write: Write
    /// The limit, or the new ceiling; 0 for a burn.
    public var value: UInt32
    /// The session's nonce that the signature covers.
    public var nonceTPM: Bytes
    /// `r || s`, 64 bytes.
    public var signature: Bytes
    public var authorization: Carried
    /// For a ceiling: how many of the guesses were granted, and the device's MAC over that; kept with the signature.
    public var granted: Granted?

    public enum Write: String, Codable, Sendable { case first, ceiling, burn }

    public init(
        session: Int, account: Account, enrollment: EnrollmentID, write: Write, value: UInt32, nonceTPM: Bytes,
        signature: Bytes, authorization: Carried, granted: Granted?
    ) {
        self.session = session
        self.account = account
        self.enrollment = enrollment
        self.write = write
        self.value = value
        self.nonceTPM = nonceTPM
        self.signature = signature
        self.authorization = authorization
        self.granted = granted
    }
}

/// The person's own account of grants, authenticated under the limit seed.
public struct Granted: Codable, Hashable, Sendable {
    /// Guesses granted so far, beyond limit and refunds.
    public var guesses: UInt32
    /// 32 bytes.
    public var mac: Bytes

    public init(guesses: UInt32, mac: Bytes) {
        self.guesses = guesses
        self.mac = mac
    }
}

/// The last ceiling that the limit key signed: its own signature, kept so that the next device knows where to go on.
public struct CeilingRecord: Codable, Hashable, Sendable {
    public var ceiling: UInt32
    public var nonceTPM: Bytes
    /// `r || s`, 64 bytes.
    public var signature: Bytes
    public var granted: Granted

    public init(ceiling: UInt32, nonceTPM: Bytes, signature: Bytes, granted: Granted) {
        self.ceiling = ceiling
        self.nonceTPM = nonceTPM
        self.signature = signature
        self.granted = granted
    }
}

/// Has the chip multiply a blinded element: spends one guess first. The last pair asked again costs nothing.
public struct Evaluate: VaultMethod {
    public static let name = "Evaluate"
    public var account: Account
    public var enrollment: EnrollmentID
    /// 33 bytes.
    public var blinded: Bytes

    public init(account: Account, enrollment: EnrollmentID, blinded: Bytes) {
        self.account = account
        self.enrollment = enrollment
        self.blinded = blinded
    }

    public struct Reply: Codable, Hashable, Sendable {
        /// 33 bytes.
        public var evaluated: Bytes
        /// What the vault says is left.
        public var guessesLeft: UInt32

        public init(evaluated: Bytes, guessesLeft: UInt32) {
            self.evaluated = evaluated
            self.guessesLeft = guessesLeft
        }
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

/// What a device needs to recover. No guess is spent.
public struct LookUp: VaultMethod {
    public static let name = "LookUp"
    public var account: Account

    public init(account: Account) { self.account = account }

    public struct Reply: Codable, Hashable, Sendable {
        public var recipe: Recipe
        /// 32 bytes.
        public var confirmation: Bytes
        /// TPM2B_PUBLIC of the bundle.
        public var bundle: Bytes
        public var olderKeys: Bytes
        public var ceilingRecord: CeilingRecord?
        /// Count and ceiling as the vault says; proven ones come from `Prove` with `slot`.
        public var count: UInt32
        public var ceiling: UInt32
        /// Enrollments of this account that were replaced and whose slots are still there, to be burnt and forgotten.
        public var replaced: [EnrollmentID]

        public init(
            recipe: Recipe, confirmation: Bytes, bundle: Bytes, olderKeys: Bytes, ceilingRecord: CeilingRecord?,
            count: UInt32, ceiling: UInt32, replaced: [EnrollmentID]
        ) {
            self.recipe = recipe
            self.confirmation = confirmation
            self.bundle = bundle
            self.olderKeys = olderKeys
            self.ceilingRecord = ceilingRecord
            self.count = count
            self.ceiling = ceiling
            self.replaced = replaced
        }
    }
}

/// Starts the session in which the bundle will be opened; asked for only when the confirmation was checked.
public struct Challenge: VaultMethod {
    public static let name = "Challenge"
    public var account: Account
    public var enrollment: EnrollmentID

    public init(account: Account, enrollment: EnrollmentID) {
        self.account = account
        self.enrollment = enrollment
    }

    public struct Reply: Codable, Hashable, Sendable {
        public var session: Int
        public var nonceTPM: Bytes

        public init(session: Int, nonceTPM: Bytes) {
            self.session = session
            self.nonceTPM = nonceTPM
        }
    }
}

/// Opens the bundle with the open key's signature over the challenge.
public struct Open: VaultMethod {
    public static let name = "Open"
    public var session: Int
    public var account: Account
    public var enrollment: EnrollmentID
    public var nonceTPM: Bytes
    /// `r || s`, 64 bytes.
    public var signature: Bytes

    public init(session: Int, account: Account, enrollment: EnrollmentID, nonceTPM: Bytes, signature: Bytes) {
        self.session = session
        self.account = account
        self.enrollment = enrollment
        self.nonceTPM = nonceTPM
        self.signature = signature
    }

    public struct Reply: Codable, Hashable, Sendable {
        /// 109 bytes, encrypted under the password.
        public var bundle: Bytes
        public init(bundle: Bytes) { self.bundle = bundle }
    }
}

/// Removes an enrollment that was replaced, or the account when it is the live one: undefines the slot and erases the
/// record. A slot that is not burnt is refused unless `unburnt` says that its guesses may stay with the vault's host.
public struct Forget: VaultMethod {
    public static let name = "Forget"
    public typealias Reply = Done
    public var account: Account
    public var enrollment: EnrollmentID
    public var unburnt: Bool

    public init(account: Account, enrollment: EnrollmentID, unburnt: Bool = false) {
        self.account = account
        self.enrollment = enrollment
        self.unburnt = unburnt
    }
}
