import TPM

/// A policy of tpm2-tss' Feature API: TPMS_POLICY of the TCG's FAPI specification, in the JSON that tpm2-tss 3 and 4 take and write.
public struct FAPIPolicy: Sendable {
    public var description: String
    public var policy: Policy
    /// The public areas of what the policy names, as far as the file has them.
    public var entities: Entities
    /// The digests that the file itself states.
    public var stated: [HashAlgorithm: [UInt8]]

    public init(_ policy: Policy, description: String, entities: Entities = Entities()) {
        self.policy = policy
        self.description = description
        self.entities = entities
        stated = [:]
    }

    /// The hashes for which the file states another digest than the chip computes from its steps: nobody can satisfy an
    /// object that was made with it.
    public var misstated: [HashAlgorithm] {
        HashAlgorithm.allCases.filter { hash in stated[hash].map { $0 != policy.digest(hash) } ?? false }
    }

    /// Public areas by Name.
    public struct Entities: Sendable {
        public var objects: [Name: ObjectArea] = [:]
        public var indexes: [Name: NVPublic] = [:]

        public init() {}

        public mutating func insert(_ area: ObjectArea) {
            if let name = area.name { objects[name] = area }
        }
        public mutating func insert(_ area: NVPublic) { indexes[area.name] = area }
    }
}
