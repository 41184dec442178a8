/// Has the chip's attestation key certify count and ceiling of the account's slot. No guess is spent, nothing is written.
public struct Certify: VaultMethod {
    public static let name = "Certify"
    public var account: Account
    public var enrollment: EnrollmentID
    /// 32 bytes, which the chip signs too.
    public var qualifyingData: Bytes
    /// A credential to activate, if any: whoever made it then knows that the attestation key is this chip's.
    public var credential: CredentialChallenge?

    public init(
        account: Account, enrollment: EnrollmentID, qualifyingData: Bytes, credential: CredentialChallenge? = nil
    ) {
        self.account = account
        self.enrollment = enrollment
        self.qualifyingData = qualifyingData
        self.credential = credential
    }

    public struct Reply: Codable, Hashable, Sendable {
        /// Contents of TPM2B_ATTEST.
        public var attest: Bytes
        /// `r || s`, 64 bytes.
        public var signature: Bytes
        /// The evaluation key's point, 33 bytes: what ties the recipe, which has its Name, to the slot.
        public var evaluationKey: Bytes
        /// What the credential held, 32 bytes.
        public var activated: Bytes?

        public init(attest: Bytes, signature: Bytes, evaluationKey: Bytes, activated: Bytes?) {
            self.attest = attest
            self.signature = signature
            self.evaluationKey = evaluationKey
            self.activated = activated
        }
    }
}

/// A secret that only the chip with the endorsement key *and* the attestation key gives back.
public struct CredentialChallenge: Codable, Hashable, Sendable {
    /// Contents of TPM2B_ID_OBJECT.
    public var blob: Bytes
    /// Contents of TPM2B_ENCRYPTED_SECRET.
    public var encryptedSeed: Bytes

    public init(blob: Bytes, encryptedSeed: Bytes) {
        self.blob = blob
        self.encryptedSeed = encryptedSeed
    }
}
