import VaultAPI

/// Everything that was read of a vault's store and chip: what an audit judges, whether it was read just now or lies in a file.
///
/// Public areas, certificates and attestations are kept as the chip gave them, so that something the profile does not know
/// is still there to be judged. Nothing in it is secret.
public struct VaultEvidence: Codable, Hashable, Sendable {
    public var header: EvidenceHeader
    public var chip: ChipEvidence
    /// One an enrollment, in the order of their ids.
    public var enrollments: [EnrollmentEvidence]
    /// NV indexes in the range of slots that no row of the store names, in the order of their handles.
    public var indexes: [IndexEvidence]
    /// The ids of rows that the store's program cannot read.
    public var damagedRows: [Bytes]

    public init(
        header: EvidenceHeader, chip: ChipEvidence, enrollments: [EnrollmentEvidence] = [],
        indexes: [IndexEvidence] = [], damagedRows: [Bytes] = []
    ) {
        self.header = header
        self.chip = chip
        self.enrollments = enrollments
        self.indexes = indexes
        self.damagedRows = damagedRows
    }
}

/// What was there before anything was read. The chip signs each slot's count over its hash.
public struct EvidenceHeader: Codable, Hashable, Sendable {
    /// Seconds since 1970, by the word of the vault's host: a chip does not know the date.
    public var date: UInt64
    /// 32 random bytes of the one who reads.
    public var nonce: Bytes
    /// The auditor's challenge (the contents of its file), if there is one.
    public var challenge: Bytes?
    /// Whether accounts are called by keyed hashes instead of their names.
    public var pseudonyms: Bool

    public init(date: UInt64, nonce: Bytes, challenge: Bytes? = nil, pseudonyms: Bool = false) {
        self.date = date
        self.nonce = nonce
        self.challenge = challenge
        self.pseudonyms = pseudonyms
    }
}

/// An NV index: its handle and TPMS_NV_PUBLIC.
public struct IndexEvidence: Codable, Hashable, Sendable {
    public var handle: UInt32
    public var publicArea: Bytes

    public init(handle: UInt32, publicArea: Bytes) {
        self.handle = handle
        self.publicArea = publicArea
    }
}

/// What the chip signed, and its signature (`r || s`).
public struct SignedEvidence: Codable, Hashable, Sendable {
    /// The contents of TPM2B_ATTEST.
    public var attest: Bytes
    public var signature: Bytes

    public init(attest: Bytes, signature: Bytes) {
        self.attest = attest
        self.signature = signature
    }
}
