import Audit
import Crypto
import Foundation
import GRDB
import TPM
import TPMDevice
import Testing
import VaultAPI

@testable import Vault

/// One way to break a vault, and what an audit must call it.
struct Tampering: Sendable, CustomTestStringConvertible {
    let name: String
    /// All that is found beyond an honest vault's.
    let kinds: Set<FindingKind>
    var maximumLimit: UInt32?
    let perform: @Sendable (VaultCopy) async throws -> Void

    var testDescription: String { name }

    init(
        _ name: String, _ kinds: Set<FindingKind>, maximumLimit: UInt32? = nil,
        _ perform: @escaping @Sendable (VaultCopy) async throws -> Void
    ) {
        self.name = name
        self.kinds = kinds
        self.maximumLimit = maximumLimit
        self.perform = perform
    }

    static func sql(_ name: String, _ kinds: Set<FindingKind>, _ statement: String) -> Tampering {
        Tampering(name, kinds) { vault in try vault.execute(statement) }
    }

    static let all = onChip + withLimits + inStore + ofKeys
}

extension VaultCopy {
    /// Writes to the store behind the vault's back.
    func execute(_ sql: String) throws {
        try DatabaseQueue(path: VaultConfiguration.storePath(home: home)).write { try $0.execute(sql: sql) }
    }

    func undefine(_ slot: SlotProfile) throws {
        try withChip { chip in
            _ = try chip.run(.nvUndefineSpace(slot.entity(written: true)), authorizedBy: chip.owner)
        }
    }

    func define(_ area: NVPublic) throws {
        try withChip { chip in _ = try chip.run(.nvDefineSpace(area), authorizedBy: chip.owner) }
    }

    /// Defines Alice's slot anew with another public area.
    func redefine(_ change: (inout NVPublic) -> Void) throws {
        let slot = try slot("alice")
        var area = slot.publicArea(written: false)
        change(&area)
        try undefine(slot)
        try define(area)
    }

    /// Defines a slot that only this key raises, and gives it a ceiling.
    func arm(_ slot: SlotProfile, _ key: P256.Signing.PrivateKey, limit: UInt32) throws {
        try define(slot.publicArea(written: false))
        try withChip { chip in
            let session = try chip.startSession(.policy)
            let act = try SignedAct(.first(limit: limit), of: slot, nonceTPM: session.nonceTPM)
            let signature = try Signature(p1363: Array(key.signature(for: act.message).rawRepresentation))
            try chip.satisfy(
                slot.policy, for: .nvWrite, in: session.handle,
                evidence: .signed(act, by: slot.authority.publicArea(slot.limitKey), signature))
            try chip.run(slot.command(.first(limit: limit)), authorizedBy: .policy(session.handle))
        }
    }

    /// A slot of the operator's own at this handle.
    func ownSlot(at handle: Handle) throws -> (SlotProfile, P256.Signing.PrivateKey) {
        while true {
            let key = P256.Signing.PrivateKey()
            let point = Array(key.publicKey.x963Representation.dropFirst())
            let limitKey = try P256Point(x: Array(point.prefix(32)), y: Array(point.suffix(32)))
            if let slot = try? SlotProfile(handle: handle, authority: authority(), limitKey: limitKey) {
                return (slot, key)
            }
        }
    }
}

extension Tampering {
    static let onChip: [Tampering] = [
        Tampering("a slot undefined", [.slotMissing]) { vault in try vault.undefine(vault.slot("alice")) },
        Tampering("a slot undefined and defined again", [.slotUnwritten]) { vault in try vault.redefine { _ in } },
        Tampering("a slot that the owner may write", [.slotAttributes]) { vault in
            try vault.redefine { $0.attributes.insert(.ownerWrite) }
        },
        Tampering("a slot that the owner may read", [.slotAttributes]) { vault in
            try vault.redefine { $0.attributes.insert(.ownerRead) }
        },
        Tampering("a slot that the platform may write", [.slotAttributes]) { vault in
            try vault.redefine { $0.attributes.insert(.ppWrite) }
        },
        Tampering("a slot kept in memory (ORDERLY)", [.slotAttributes]) { vault in
            try vault.redefine { $0.attributes.insert(.orderly) }
        },
        Tampering("a slot that a restart empties (CLEAR_STCLEAR)", [.slotAttributes]) { vault in
            try vault.redefine { $0.attributes.insert([.orderly, .clearSTClear]) }
        },
        Tampering("a slot that can be locked against writing", [.slotAttributes]) { vault in
            try vault.redefine { $0.attributes.insert(.writeSTClear) }
        },
        Tampering("a plain index in a slot's place", [.slotAttributes]) { vault in
            try vault.redefine { $0.attributes.remove(.pinPass) }
        },
        Tampering("a slot under somebody else's limit key", [.slotPolicy]) { vault in
            let own = try vault.ownSlot(at: vault.slot("alice").handle).0
            try vault.redefine { $0.authPolicy = own.policy.digest() }
        },
        Tampering("a slot named with another hash", [.slotShape, .slotPolicy]) { vault in
            let policy = try vault.slot("alice").policy.digest(.sha384)
            try vault.redefine {
                $0.nameAlgorithm = .sha384
                $0.authPolicy = policy
            }
        },
        Tampering("a slot that no row names", [.slotOrphan]) { vault in
            let (slot, key) = try vault.ownSlot(at: Handle(0x0180_0042))
            try vault.arm(slot, key, limit: 1000)
        },
        Tampering("somebody else's index among the slots", [.indexForeign]) { vault in
            try vault.define(
                NVPublic(
                    index: Handle(0x0180_0043), nameAlgorithm: .sha256,
                    attributes: [.ownerWrite, .ownerRead, .authRead], authPolicy: [], dataSize: 8))
        },
        Tampering("a chip without protection against dictionary attacks", [.dictionaryOff]) { vault in
            try await vault.chip.tpm2("dictionarylockout", "-s", "-n", "3", "-t", "0", "-l", "0")
        },
        Tampering("a chip that allows many wrong authorizations", [.dictionaryWeak]) { vault in
            try await vault.chip.tpm2("dictionarylockout", "-s", "-n", "5000", "-t", "1000", "-l", "1000")
        },
        Tampering("a chip with less room than accounts", [.chipFull]) { vault in
            try vault.configure { $0.capacity = 3 }
        },
        Tampering("a chip with little room left", [.chipFewFree]) { vault in
            try vault.configure { $0.capacity = 4 }
        },
        Tampering("another chip's certificate", [.chipCertificate]) { vault in
            try vault.configure { $0.certificate = Bytes(Array($0.certificate.bytes.reversed())) }
        },
    ]

    static let withLimits: [Tampering] = [
        Tampering(
            "a slot with a higher ceiling under a limit key of the operator's own, which the row names",
            [.recipeMismatch, .ceilingSignature, .ceilingUnexplained, .evaluationKeyPrivate]
        ) { vault in
            let old = try vault.slot("alice")
            let (slot, key) = try vault.ownSlot(at: old.handle)
            try vault.undefine(old)
            try vault.arm(slot, key, limit: 4_000_000_000)
            try vault.execute(
                "UPDATE enrollment SET limitKey = x'\(slot.limitKey.sec1.hexadecimal)' WHERE account = 'alice'")
        },
        Tampering("a limit above the auditor's", [.limitMaximum], maximumLimit: 4) { _ in },
        .sql("a raised limit", [.limitMismatch], "UPDATE enrollment SET \"limit\" = 50 WHERE account = 'alice'"),
        .sql(
            "a limit of no guesses", [.limitMismatch, .limitRange, .ceilingExcessive],
            "UPDATE enrollment SET \"limit\" = 0 WHERE account = 'benjamin'"),
        .sql(
            "a ceiling that nobody signed", [.ceilingSignature, .ceilingUnexplained],
            "UPDATE enrollment SET signedCeiling = 1000 WHERE account = 'benjamin'"),
        .sql(
            "a signature withheld", [.ceilingUnexplained],
            "UPDATE enrollment SET signedCeiling = NULL WHERE account = 'benjamin'"),
        .sql(
            "a grant kept secret", [.ceilingExcessive], "UPDATE enrollment SET granted = 0 WHERE account = 'carol'"),
        Tampering("all guesses of an account spent", [.guessesUsedUp]) { vault in
            let slot = try vault.slot("benjamin")
            try vault.withChip { chip in
                for _ in 0..<(try chip.read(slot).guessesLeft) {
                    let session = try chip.startSession(.policy)
                    try chip.satisfy(
                        EvaluationKeyProfile.policy(slot: slot), for: .ecdhZGen, in: session.handle,
                        evidence: .spending(slot.entity(written: true)))
                    try chip.flush(session.handle)
                }
            }
        },
    ]

    static let inStore: [Tampering] = [
        .sql(
            "recipes exchanged", [.recipeMismatch],
            """
            UPDATE enrollment SET recipe = (SELECT recipe FROM enrollment WHERE account = 'carol')
                WHERE account IN ('alice', 'benjamin')
            """),
        .sql("a recipe erased", [.recipeMissing], "UPDATE enrollment SET recipe = NULL WHERE account = 'alice'"),
        .sql(
            "a recipe that stretches less", [.recipeWeak],
            "UPDATE enrollment SET recipe = CAST(replace(CAST(recipe AS TEXT), '\"memory\":65536', '\"memory\":1024') AS BLOB)"
        ),
        .sql(
            "a row that cannot be read", [.storeRow],
            "UPDATE enrollment SET createdAt = 'yesterday' WHERE account = 'alice'"),
        .sql(
            "a row whose id is another", [.recipeMismatch], "UPDATE enrollment SET id = 'mine' WHERE account = 'alice'"),
        .sql(
            "two live enrollments of one account", [.accountSeveral, .recipeMismatch],
            "DROP INDEX one_live; UPDATE enrollment SET account = 'alice' WHERE account = 'benjamin'"),
        .sql(
            "one slot named by two rows, the other one left",
            [
                .slotShared, .slotPolicy, .slotOrphan, .recipeMismatch, .evaluationKeyPrivate,
            ],
            """
            CREATE TABLE other AS SELECT * FROM enrollment; DROP TABLE enrollment; ALTER TABLE other RENAME TO enrollment;
            UPDATE enrollment SET slot = (SELECT slot FROM enrollment WHERE account = 'alice') WHERE account = 'benjamin'
            """),
        .sql(
            "a slot elsewhere", [.slotHandle, .recipeMismatch, .limitKeyUnusable, .slotOrphan],
            "UPDATE enrollment SET slot = 22020096 WHERE account = 'benjamin'"),
        .sql(
            "an erased row", [.slotOrphan], "DELETE FROM enrollment WHERE account = 'benjamin'"),
        .sql(
            "an enrollment that was never finished", [.enrollmentHalfMade],
            """
            INSERT INTO enrollment (id, account, state, slot, createdAt)
                VALUES (x'000102030405060708090a0b0c0d0e0f', 'dave', 'reserved', 25165890, 1700000000)
            """),
        .sql(
            "a replaced enrollment that is not burnt", [.enrollmentReplaced],
            "UPDATE enrollment SET state = 'replaced' WHERE account = 'benjamin'"),
    ]

    static let ofKeys: [Tampering] = [
        .sql(
            "private parts exchanged", [.evaluationKeyPrivate],
            """
            UPDATE enrollment SET evaluationPrivate = (SELECT evaluationPrivate FROM enrollment WHERE account = 'carol')
                WHERE account = 'alice'
            """),
        .sql(
            "a private part cut", [.evaluationKeyPrivate],
            "UPDATE enrollment SET evaluationPrivate = substr(evaluationPrivate, 1, 20) WHERE account = 'alice'"),
        .sql(
            "a private part erased", [.evaluationKeyPrivate],
            "UPDATE enrollment SET evaluationPrivate = NULL WHERE account = 'alice'"),
        .sql(
            "an evaluation key erased", [.evaluationKeyMissing, .recipeMismatch],
            "UPDATE enrollment SET evaluationKey = NULL WHERE account = 'alice'"),
        .sql(
            "an evaluation key exchanged", [.evaluationKeyReused, .evaluationKeyPrivate, .recipeMismatch],
            """
            UPDATE enrollment SET evaluationKey = (SELECT evaluationKey FROM enrollment WHERE account = 'carol')
                WHERE account = 'alice'
            """),
        .sql(
            "a bundle exchanged", [.bundlePublic],
            """
            UPDATE enrollment SET bundlePublic = (SELECT bundlePublic FROM enrollment WHERE account = 'carol')
                WHERE account = 'alice'
            """),
        .sql(
            "a bundle's private part exchanged", [.bundlePrivate],
            """
            UPDATE enrollment SET bundlePrivate = (SELECT bundlePrivate FROM enrollment WHERE account = 'carol')
                WHERE account = 'alice'
            """),
        .sql(
            "an open key that is no point", [.openKeyUnusable],
            "UPDATE enrollment SET openKey = zeroblob(33) WHERE account = 'alice'"),
        .sql(
            "a limit key exchanged",
            [
                .limitKeyReused, .slotPolicy, .recipeMismatch, .evaluationKeyPrivate,
            ],
            """
            UPDATE enrollment SET limitKey = (SELECT limitKey FROM enrollment WHERE account = 'carol')
                WHERE account = 'alice'
            """),
        .sql(
            "a limit key erased", [.limitKeyUnusable],
            "UPDATE enrollment SET limitKey = NULL WHERE account = 'alice'"),
    ]
}
