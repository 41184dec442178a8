import Audit
import Journal
import TPM
import TPMDevice
import VaultAPI

/// Where the journal stands, and what the chip says to it.
public struct JournalState: AuditQuestion {
    public static let name = "JournalState"

    public struct Reply: Codable, Sendable {
        /// How many lines it has.
        public var lines: Int
        /// The chip's count at the last certificate.
        public var certified: UInt64?
        /// The count of the first certificate, as it was noted beside the store.
        public var begun: UInt64?
        /// The counter's handle.
        public var counter: UInt32?
        /// What the counter has; 0 where it is gone.
        public var count: UInt64?
        /// The attestation key, a SEC 1 compressed point; absent where the chip cannot certify for want of an authorization.
        public var attestationKey: Bytes?
    }

    public func answer(by vault: isolated Vault) throws(VaultFault) -> Reply { try vault.journalState() }
}

/// Some more lines of the journal.
public struct NextLines: AuditQuestion {
    public static let name = "NextLines"
    /// The number of a line; 0 asks for the first ones.
    public var after: Int

    /// Without a number to go on from there are no more lines. One that cannot be read is left out, which shows as removed.
    public struct Reply: Codable, Sendable {
        public var next: Int?
        public var lines: [Line]
    }

    /// `JournalRecord`.
    public struct Line: Codable, Sendable {
        public var number: Int
        public var line: JournalLine
        public var account: Bytes
        public var hash: Bytes
    }

    public func answer(by vault: isolated Vault) throws(VaultFault) -> Reply {
        let page = try vault.stored { try vault.store.journal(after: after, limit: 100) }
        return Reply(
            next: page.next,
            lines: page.records.map {
                Line(number: $0.number, line: $0.line, account: Bytes($0.account), hash: Bytes($0.hash))
            })
    }
}

/// Some more of the chip's certificates of the journal.
public struct NextAnchors: AuditQuestion {
    public static let name = "NextAnchors"
    /// The count of a certificate; 0 asks for the first ones.
    public var after: UInt64

    /// Without a count to go on from there are no more certificates.
    public struct Reply: Codable, Sendable {
        public var next: UInt64?
        public var anchors: [Anchor]
    }

    /// `JournalAnchor`.
    public struct Anchor: Codable, Sendable {
        public var count: UInt64
        public var line: Int
        public var signed: SignedEvidence
    }

    public func answer(by vault: isolated Vault) throws(VaultFault) -> Reply {
        let page = try vault.stored { try vault.store.anchors(after: after, limit: 100) }
        return Reply(
            next: page.next,
            anchors: page.anchors.map {
                Anchor(
                    count: $0.count, line: $0.line,
                    signed: SignedEvidence(attest: Bytes($0.attest), signature: Bytes($0.signature)))
            })
    }
}
