import TPM
import TPMDevice

/// Which hierarchies of a chip have an authorization, and what that means for a vault, in plain words.
public struct HierarchyState: Codable, Hashable, Sendable {
    public var owner: Statement
    public var endorsement: Statement
    public var lockout: Statement
    /// How the chip answers wrong authorizations; no key or slot of a vault's is subject to it.
    public var dictionaryAttack: String

    /// One hierarchy's authorization.
    public struct Statement: Codable, Hashable, Sendable {
        public var isSet: Bool
        public var meaning: String
    }

    /// TPM_PT_PERMANENT and the four of dictionary attacks. TPM 2.0 Part 2 §6.13 and §8.6.
    private enum Property {
        static let permanent: UInt32 = 0x200
        static let lockoutCounter: UInt32 = 0x20E
        static let maximumFailures: UInt32 = 0x20F
        static let lockoutInterval: UInt32 = 0x210
        static let lockoutRecovery: UInt32 = 0x211
    }

    /// Asks the chip; that changes nothing on it.
    init(of chip: Chip) throws(ChipError) {
        let permanent = try chip.property(Property.permanent) ?? 0
        owner = Statement(
            isSet: permanent & 1 != 0,
            set:
                "set: provisioning, serving and deprovisioning need it, and it is left as it is. Who knows it can destroy"
                + " accounts, and gains no guess.",
            empty:
                "empty: whoever can reach this TPM can destroy accounts (undefine slots, take the parent away), and gains no"
                + " guess by it. It is left empty; to set one: tpm2_changeauth -c owner.")
        endorsement = Statement(
            isSet: permanent & 2 != 0,
            set: "set: an endorsement key that is not persistent yet cannot be made. It is left as it is.",
            empty: "empty, as chips are made: nobody gains a guess or a key by it. It is left empty.")
        lockout = Statement(
            isSet: permanent & 4 != 0,
            set:
                "set: who knows it can clear the TPM, which ends every account, and gains no guess. It is left as it is.",
            empty:
                "empty: whoever can reach this TPM can clear it, which ends every account, and gains no guess by it. It is left"
                + " empty; to set one: tpm2_changeauth -c lockout.")
        let counter = try chip.property(Property.lockoutCounter) ?? 0
        let maximum = try chip.property(Property.maximumFailures) ?? 0
        let interval = try chip.property(Property.lockoutInterval) ?? 0
        let recovery = try chip.property(Property.lockoutRecovery) ?? 0
        let inLockout = permanent & 0x200 != 0
        dictionaryAttack =
            "\(counter) of \(maximum) failures\(inLockout ? ", locked out" : ""), one forgotten in \(interval) s, lockout ends after"
            + " \(recovery) s. Slots and keys of a vault are exempt from it (noDA); it is left as it is."
    }
}

extension HierarchyState.Statement {
    fileprivate init(isSet: Bool, set: String, empty: String) {
        self.init(isSet: isSet, meaning: isSet ? set : empty)
    }
}
