import Crypto

/// The public facts that a new device needs; the confirmation authenticates them.
public struct Recipe: Codable, Hashable, Sendable {
    /// `tenpin-1`.
    public var suite: String
    public var account: Account
    public var enrollment: EnrollmentID
    /// Counts the person's backup keys from 1.
    public var generation: UInt32
    /// How many of the vaults are needed.
    public var threshold: UInt32
    /// Argon2id's memory in KiB.
    public var memory: UInt32
    /// Argon2id's passes.
    public var passes: UInt32
    /// The vaults that hold a share of the key each, at x = 1, 2, … in this order.
    public var vaults: [Entry]

    /// The suite this version speaks.
    public static let suite = "tenpin-1"

    /// The most vaults of a recipe: of 9 answers there are at most 126 choices to interpolate.
    public static let maximumVaults = 9

    /// What a device needs to know of one vault.
    public struct Entry: Codable, Hashable, Sendable {
        /// The chip's identity.
        public var endorsementName: Bytes
        public var parentName: Bytes
        /// `sha384` or `sha512`.
        public var authorityHash: String
        public var slot: UInt32
        public var limit: UInt32
        public var evaluationKeyName: Bytes

        public init(
            endorsementName: Bytes, parentName: Bytes, authorityHash: String, slot: UInt32, limit: UInt32,
            evaluationKeyName: Bytes
        ) {
            self.endorsementName = endorsementName
            self.parentName = parentName
            self.authorityHash = authorityHash
            self.slot = slot
            self.limit = limit
            self.evaluationKeyName = evaluationKeyName
        }
    }

    public init(
        account: Account, enrollment: EnrollmentID, generation: UInt32, threshold: UInt32 = 1, memory: UInt32,
        passes: UInt32, vaults: [Entry]
    ) {
        suite = Self.suite
        self.account = account
        self.enrollment = enrollment
        self.generation = generation
        self.threshold = threshold
        self.memory = memory
        self.passes = passes
        self.vaults = vaults
    }

    /// What is wrong with the sharing that the recipe describes, if anything is.
    public var sharingFlaw: SharingFlaw? {
        guard (1...Self.maximumVaults).contains(vaults.count) else { return .vaults(vaults.count) }
        // The attack: a recipe that one of several vaults makes up alone, and that is content with its answer alone.
        let least: UInt32 = vaults.count == 1 ? 1 : 2
        guard (least...UInt32(max(vaults.count, Int(least)))).contains(threshold) else { return .threshold(threshold) }
        // Two shares on one chip would be one chip's word for two.
        guard Set(vaults.map(\.endorsementName)).count == vaults.count else { return .twice }
        return nil
    }

    public enum SharingFlaw: Hashable, Sendable {
        /// No vaults, or too many.
        case vaults(Int)
        /// Fewer than two of several, or more than there are.
        case threshold(UInt32)
        /// One chip is named twice.
        case twice
    }

    /// How many guesses anyone gets who runs the hosts of all vaults: each takes as many of the vaults' as are needed.
    public var guesses: UInt32 {
        UInt32(clamping: vaults.reduce(UInt64(0)) { $0 + UInt64($1.limit) } / UInt64(max(threshold, 1)))
    }

    /// `ctx`: what every key of the enrollment is bound to, and what a backup file pins. 32 bytes.
    public var hash: [UInt8] {
        let label = Array("tenpin-1 recipe".utf8)
        return Array(SHA256.hash(data: [0, UInt8(label.count)] + label + canonical))
    }

    /// The one encoding that `ctx` hashes: strings and byte strings behind two size bytes, numbers of four bytes, the
    /// vaults behind their number, all big-endian and in the order above.
    public var canonical: [UInt8] {
        var out: [UInt8] = []
        func number(_ value: UInt32) {
            for shift in stride(from: 24, through: 0, by: -8) { out.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        func sized(_ bytes: some Collection<UInt8>) {
            out.append(UInt8(truncatingIfNeeded: bytes.count >> 8))
            out.append(UInt8(truncatingIfNeeded: bytes.count))
            out.append(contentsOf: bytes)
        }
        sized(suite.utf8)
        sized(account.id.utf8)
        sized(enrollment.bytes)
        number(generation)
        number(threshold)
        number(memory)
        number(passes)
        number(UInt32(vaults.count))
        for vault in vaults {
            sized(vault.endorsementName.bytes)
            sized(vault.parentName.bytes)
            sized(vault.authorityHash.utf8)
            number(vault.slot)
            number(vault.limit)
            sized(vault.evaluationKeyName.bytes)
        }
        return out
    }
}
