import Audit
import Foundation
import Synchronization
import TPM
import TPMDevice
import VaultAPI

/// A row of the store as an audit needs it, with all that takes no chip.
struct AuditRow: Sendable {
    let number: Int64
    let id: Data
    /// Absent where the row cannot be read.
    let enrollment: (record: EnrollmentRecord, evidence: EnrollmentEvidence)?
    let slot: SlotProfile?
    let evaluationArea: PublicArea?
    let bundleArea: PublicArea?
    /// How many changes the store had seen when it was read.
    fileprivate let changes: Int

    /// The first row behind another one.
    init?(after number: Int64, in store: Store, _ authority: AuthorityProfile) throws {
        guard let row = try store.row(after: number) else { return nil }
        self.number = row.number
        id = row.id
        changes = row.changes
        guard let record = row.record, record.account.utf8.count <= Account.maximumSize, record.id.count <= 64 else {
            (enrollment, slot, evaluationArea, bundleArea) = (nil, nil, nil, nil)
            return
        }
        enrollment = (record, EnrollmentEvidence(record))
        slot = record.slotProfile(authority)
        evaluationArea = slot.flatMap { record.evaluationArea($0) }
        bundleArea = record.bundlePublic.flatMap { try? PublicArea(tpm2b: Array($0)) }
    }
}

/// Reads an audit's next row while the chip is at work on the one before.
final class RowAhead: Sendable {
    private struct State {
        var thread: JobQueue?
        var last: (after: Int64, row: AuditRow, read: ContinuousClock.Instant)?
    }

    /// For how long a row is good: an audit that was broken off leaves one behind, and another program may change the store.
    private static let goodFor = Duration.seconds(1)

    private let state = Mutex(State())

    deinit { state.withLock { $0.thread?.close() } }

    /// Begins to read the row behind another one.
    func begin(after number: Int64, in store: Store, _ authority: AuthorityProfile) {
        let thread = state.withLock { state in
            let thread = state.thread ?? JobQueue(thread: "tenpin-audit")
            state.thread = thread
            return thread
        }
        thread.append { [weak self] in
            guard let row = try? AuditRow(after: number, in: store, authority) else { return }
            self?.state.withLock { $0.last = (number, row, .now) }
        }
    }

    /// The row behind another one, where it was read and nothing in the store has changed since: row and chip belong together.
    func row(after number: Int64, in store: Store) -> AuditRow? {
        state.withLock { state in
            defer { state.last = nil }
            guard let last = state.last, last.after == number, last.row.changes == store.changeCount,
                .now - last.read < Self.goodFor
            else { return nil }
            return last.row
        }
    }
}
