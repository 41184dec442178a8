import Foundation
import Journal
import TPM
import TPMDevice
import VaultAPI

/// What an operator sees of a vault: its identity and each enrollment, with the chip's own counts where it was asked.
public struct VaultReport: Codable, Hashable, Sendable {
    public var endorsementName: String
    public var certificateSubject: String
    public var tcti: String
    public var emulated: Bool
    /// What kind of chip it is, by its own word.
    public var standing: ChipStanding?
    public var capacity: Int?
    public var accounts: [Entry]
    public var journal: JournalStanding

    /// Where the journal stands.
    public struct JournalStanding: Codable, Hashable, Sendable {
        public var lines: Int
        /// The number of lines and a hash over them all, to be kept and compared later.
        public var head: String
        /// The chip's count at the last certificate, and how many lines it covers; `nil` when there is none.
        public var certifiedCount: UInt64?
        public var certifiedLines: Int?
        /// The counter's handle, `0x` and eight digits.
        public var counter: String?
    }

    /// One enrollment.
    public struct Entry: Codable, Hashable, Sendable {
        public var account: String
        public var enrollment: String
        /// `reserved`, `defined`, `armed`, `live`, `replaced` or `removing`.
        public var state: String
        /// The slot's handle, `0x` and eight digits.
        public var slot: String
        /// The three branches of the slot's policy, hexadecimal, so that any TPM tool can read the slot through the second.
        public var branches: [String]
        public var count: UInt32?
        public var ceiling: UInt32?
        /// What is wrong with it, if anything.
        public var problem: String?
    }

    /// Reads a home folder's configuration and store, and the chip's counts when `chip` is given.
    public static func read(home: String, chip: Chip?) throws -> VaultReport {
        let configuration = try VaultConfiguration.read(home: home)
        let store = try Store(path: VaultConfiguration.storePath(home: home))
        let endorsement = try PublicArea(tpm2b: configuration.endorsementKey.bytes).name
        let authority = try AuthorityProfile(
            largestDigest: configuration.largestDigest, endorsementName: endorsement)
        return VaultReport(
            endorsementName: endorsement.description, certificateSubject: configuration.certificateSubject,
            tcti: configuration.tcti, emulated: configuration.emulated,
            standing: configuration.standing, capacity: configuration.capacity,
            accounts: try store.enrollments().map { try Entry($0, authority, chip) },
            journal: try JournalStanding(store, configuration))
    }
}

extension VaultReport.JournalStanding {
    init(_ store: Store, _ configuration: VaultConfiguration) throws {
        let head = try store.journalHead()
        lines = head.number
        self.head = head.description
        let last = try store.lastAnchor()
        certifiedCount = last?.count
        certifiedLines = last?.line
        counter = configuration.journalCounter.map { Handle($0).description }
    }
}

extension VaultReport.Entry {
    init(_ record: EnrollmentRecord, _ authority: AuthorityProfile, _ chip: Chip?) throws {
        account = record.account
        enrollment = record.id.hexadecimal
        state = record.state.rawValue
        slot = record.handle.description
        branches = []
        guard let profile = record.slotProfile(authority) else { return }
        if case .or(let policies)? = profile.policy.steps.first { branches = policies.map { $0.digest().hexadecimal } }
        guard let chip else { return }
        do throws(ChipError) {
            let read = try chip.read(profile)
            count = read.count
            ceiling = read.ceiling
        } catch {
            problem = error.responseCode == nil ? "the chip does not answer" : "the slot cannot be read: \(error)"
        }
    }
}
