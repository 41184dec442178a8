import TPM
import VaultAPI

/// One enrollment: the public part of its row in the store, and what the chip says of its objects.
public struct EnrollmentEvidence: Codable, Hashable, Sendable {
    // From the store.

    /// 16 bytes.
    public var id: Bytes
    /// The account, or its pseudonym.
    public var account: String
    /// Where it stands; a row may hold any text there.
    public var state: String
    /// Seconds since 1970.
    public var createdAt: Int64
    /// The slot's handle.
    public var slot: UInt32
    /// SEC 1 compressed points.
    public var limitKey: Bytes?
    public var evaluationKey: Bytes?
    public var openKey: Bytes?
    public var limit: UInt32?
    /// The last ceiling that the limit key signed, with nonce and signature as PolicySigned took it.
    public var signedCeiling: UInt32?
    public var ceilingNonce: Bytes?
    public var ceilingSignature: Bytes?
    /// The guesses granted beyond the limit, by the store's word; only the person can check its MAC.
    public var granted: UInt32?
    /// `nil` where there is none, or none that can be read.
    public var recipe: Recipe?
    /// TPM2B_PUBLIC.
    public var bundle: Bytes?

    // From the chip.

    /// The index at the slot's handle, TPMS_NV_PUBLIC; `nil` where there is none.
    public var slotPublic: Bytes?
    /// Count and ceiling, 8 bytes, read through the slot's uncounted branch; `nil` where they were certified or the chip refused.
    public var contents: Bytes?
    /// The same, signed by the chip over the header.
    public var certificate: SignedEvidence?
    /// Whether the private parts in the store load under the parent with the public areas that they should have.
    public var evaluationKeyLoading: Loading?
    public var bundleLoading: Loading?

    /// How the chip took a private part.
    public enum Loading: Codable, Hashable, Sendable {
        case loads
        /// The chip's response code.
        case refused(UInt32)
        /// The store has none.
        case missing

        /// A word that a machine compares: `loads`, `missing`, or the code as `0x…`.
        var word: String {
            switch self {
            case .loads: "loads"
            case .refused(let code): "0x" + String(code, radix: 16)
            case .missing: "missing"
            }
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            switch try container.decode(String.self) {
            case "loads": self = .loads
            case "missing": self = .missing
            case let word:
                guard word.hasPrefix("0x"), let code = UInt32(word.dropFirst(2), radix: 16) else {
                    throw DecodingError.dataCorruptedError(in: container, debugDescription: "no response code")
                }
                self = .refused(code)
            }
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(word)
        }
    }

    public init(id: Bytes, account: String, state: String, createdAt: Int64, slot: UInt32) {
        self.id = id
        self.account = account
        self.state = state
        self.createdAt = createdAt
        self.slot = slot
    }
}

extension EnrollmentEvidence {
    /// Count and ceiling, by the chip's signed word where there is one.
    public var count: SlotCount? {
        if let certificate {
            guard let attest = try? Attest(parsing: certificate.attest.bytes), attest.offset == 0 else { return nil }
            return try? SlotCount(contents: attest.contents)
        }
        return contents.flatMap { try? SlotCount(contents: $0.bytes) }
    }

    /// The index at the slot's handle, where it is of a kind that parses.
    public var index: NVPublic? { slotPublic.flatMap { try? NVPublic(contents: $0.bytes) } }

    /// The slot that the row's limit key makes.
    public func slotProfile(_ authority: AuthorityProfile) -> SlotProfile? {
        guard let point = limitKey.flatMap({ try? P256Point(sec1: $0.bytes) }) else { return nil }
        return try? SlotProfile(handle: Handle(slot), authority: authority, limitKey: point)
    }

    /// The evaluation key that the row's point makes for this slot.
    public func evaluationArea(_ slot: SlotProfile) -> PublicArea? {
        evaluationKey.flatMap { try? P256Point(sec1: $0.bytes) }.map { EvaluationKeyProfile.publicArea($0, slot: slot) }
    }

    /// The public area of the bundle, where it parses.
    public var bundleArea: PublicArea? { bundle.flatMap { try? PublicArea(tpm2b: $0.bytes) } }

    /// Whether it must have a written slot: armed, live and replaced ones do.
    var isKept: Bool { ["armed", "live", "replaced"].contains(state) }

    /// Whether a person can recover by it.
    var isCommitted: Bool { ["live", "replaced"].contains(state) }

    /// As a finding names one of its objects.
    func subject(_ name: String, onChip: Bool = false) -> Finding.Subject {
        Finding.Subject(
            name, account: account, enrollment: id.bytes.hexadecimal,
            handle: onChip ? Handle(slot).description : nil)
    }
}
