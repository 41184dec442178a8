import Foundation
import GRDB
import TPM
import VaultAPI

/// One enrollment as the store keeps it. Nothing in it is secret: keys are wrapped to the chip.
struct EnrollmentRecord: Codable, FetchableRecord, PersistableRecord, Sendable {
    static let databaseTableName = "enrollment"

    /// Where an enrollment stands. A crash leaves it in one of these; `Reconcile` says what each means at the next start.
    enum State: String, Codable, Sendable {
        /// A handle is set aside; nothing is on the chip.
        case reserved
        /// The slot may be on the chip, unwritten or not; no device was told that it is armed.
        case defined
        /// The first write is done. Step 3 may still come, also after a restart.
        case armed
        /// Step 3 is done.
        case live
        /// A newer enrollment took its place; the slot waits to be burnt and undefined.
        case replaced
        /// The slot is being undefined, then the row goes.
        case removing
    }

    /// 16 bytes.
    var id: Data
    var account: String
    var state: State
    /// The live enrollment that this one will replace.
    var replaces: Data?
    /// The slot's handle.
    var slot: UInt32
    /// Seconds since 1970.
    var createdAt: Int64

    // From Define on. Points are SEC 1 compressed.
    var limitKey: Data?
    var evaluationKey: Data?
    /// The chip's own TPM2B_PRIVATE.
    var evaluationPrivate: Data?

    // From the first write on.
    var limit: UInt32?
    var signedCeiling: UInt32?
    var ceilingNonce: Data?
    var ceilingSignature: Data?
    var granted: UInt32?
    var grantedMAC: Data?

    // From step 3 on.
    var recipe: Data?
    var confirmation: Data?
    var openKey: Data?
    var bundlePublic: Data?
    var bundlePrivate: Data?
    var olderKeys: Data?
    /// SHA-256 of the message of step 3, to know a repetition by.
    var commitDigest: Data?

    // The last evaluated pair, so that a lost reply asked again costs nothing.
    var lastBlinded: Data?
    var lastEvaluated: Data?

    init(id: EnrollmentID, account: Account, replaces: EnrollmentID?, slot: Handle, now: Date) {
        self.id = Data(id.bytes)
        self.account = account.id
        state = .reserved
        self.replaces = replaces.map { Data($0.bytes) }
        self.slot = slot.rawValue
        createdAt = Int64(now.timeIntervalSince1970)
    }

    /// The handle of the slot.
    var handle: Handle { Handle(slot) }
}

extension EnrollmentRecord {
    /// The slot's profile, from the keys that the record holds; `nil` before Define.
    func slotProfile(_ authority: AuthorityProfile) -> SlotProfile? {
        guard let limitKey, let point = try? P256Point(sec1: Array(limitKey)) else { return nil }
        return try? SlotProfile(handle: handle, authority: authority, limitKey: point)
    }

    /// The evaluation key's public area; `nil` before Define.
    func evaluationArea(_ slot: SlotProfile) -> PublicArea? {
        guard let evaluationKey, let point = try? P256Point(sec1: Array(evaluationKey)) else { return nil }
        return EvaluationKeyProfile.publicArea(point, slot: slot)
    }

    /// The last ceiling that the limit key signed, as it was sent.
    var ceilingRecord: CeilingRecord? {
        guard let signedCeiling, let ceilingNonce, let ceilingSignature, let granted, let grantedMAC else { return nil }
        return CeilingRecord(
            ceiling: signedCeiling, nonceTPM: Bytes(Array(ceilingNonce)), signature: Bytes(Array(ceilingSignature)),
            granted: Granted(guesses: granted, mac: Bytes(Array(grantedMAC))))
    }
}
