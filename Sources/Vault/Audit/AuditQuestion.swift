import Audit
import VaultAPI

/// One question of an audit's, small enough to be answered in a single turn between people's calls.
///
/// A vault that is served is asked through its operator's socket, one that is not by this program itself: the same questions
/// either way.
public protocol AuditQuestion: Codable, Sendable {
    associatedtype Reply: Codable & Sendable
    static var name: String { get }
    func answer(by vault: isolated Vault) throws(VaultFault) -> Reply
}

/// What the chip is, and how much there is to ask.
public struct Survey: AuditQuestion {
    public static let name = "Survey"
    /// Whether the attestation key shall be shown.
    public var certifying: Bool
    /// A credential to activate, if any.
    public var credential: CredentialChallenge?

    public struct Reply: Codable, Sendable {
        public var chip: ChipEvidence
        /// How many rows the store has.
        public var rows: Int
        /// What the credential held.
        public var answer: Bytes?
    }

    public func answer(by vault: isolated Vault) throws(VaultFault) -> Reply { try vault.survey(self) }
}

/// The first row behind another one, beside what the chip says of its objects.
public struct NextEnrollment: AuditQuestion {
    public static let name = "NextEnrollment"
    /// The row's number; 0 asks for the first.
    public var after: Int64
    /// Has the count certified over these 32 bytes, instead of read.
    public var qualifyingData: Bytes?

    /// Without a number there are no more rows.
    public struct Reply: Codable, Sendable {
        public var row: Int64?
        public var enrollment: EnrollmentEvidence?
        /// The row's id, where the row cannot be read.
        public var damaged: Bytes?
        /// How many lines the journal had when the chip was asked.
        public var lines: Int?
    }

    public func answer(by vault: isolated Vault) throws(VaultFault) -> Reply { try vault.nextEnrollment(self) }
}

/// Some more of the indexes in the range of slots, and which of them no row names.
public struct NextIndexes: AuditQuestion {
    public static let name = "NextIndexes"
    /// The first handle to look at.
    public var from: UInt32

    /// Without a handle to go on from there are no more indexes.
    public struct Reply: Codable, Sendable {
        public var next: UInt32?
        public var indexes: [IndexEvidence] = []
    }

    public func answer(by vault: isolated Vault) throws(VaultFault) -> Reply { try vault.nextIndexes(self) }
}

/// Has the chip certify any slot over the hash of everything that was read.
public struct Seal: AuditQuestion {
    public static let name = "Seal"
    /// 32 bytes.
    public var qualifyingData: Bytes

    public struct Reply: Codable, Sendable {
        public var seal: SignedEvidence?
    }

    public func answer(by vault: isolated Vault) throws(VaultFault) -> Reply { try vault.seal(self) }
}
