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

/// Has the chip multiply a blinded element: spends one guess first. The last pair asked again costs nothing, and has no proof.
public struct Evaluate: VaultMethod {
    public static let name = "Evaluate"
    public var account: Account
    public var enrollment: EnrollmentID
    /// 33 bytes.
    public var blinded: Bytes
    /// A session of the device's in which the chip is to do it, so that the device sees that it did; or none.
    public var session: Int?
    /// For ECDH_ZGen, with the session.
    public var authorization: Carried?

    public init(
        account: Account, enrollment: EnrollmentID, blinded: Bytes, session: Int? = nil, authorization: Carried? = nil
    ) {
        self.account = account
        self.enrollment = enrollment
        self.blinded = blinded
        self.session = session
        self.authorization = authorization
    }

    public struct Reply: Codable, Hashable, Sendable {
        /// 33 bytes.
        public var evaluated: Bytes
        /// What the vault says is left.
        public var guessesLeft: UInt32
        /// The chip's answer in the device's session.
        public var proof: CarriedReply?

        public init(evaluated: Bytes, guessesLeft: UInt32, proof: CarriedReply? = nil) {
            self.evaluated = evaluated
            self.guessesLeft = guessesLeft
            self.proof = proof
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
