import Foundation
import TPM
import VaultAPI

/// What is to be written into the journal; its place, and what follows from the lines before, the store knows.
struct JournalEntry {
    /// What happened, with the numbers that it brings.
    enum Act {
        case found(SlotCount)
        case armed(limit: UInt32)
        case live
        case guess
        case refused
        case cutOff
        case open
        case refund(ceiling: UInt32)
        case grant(ceiling: UInt32)
        case replaced
        case removed
    }

    let act: Act
    let enrollment: Data
    let account: String
    /// Seconds since 1970.
    let time: Int64

    init(_ act: Act, of record: EnrollmentRecord, at now: Date) {
        self.act = act
        enrollment = record.id
        account = record.account
        time = Int64(now.timeIntervalSince1970)
    }

    var kind: JournalKind {
        switch act {
        case .found: .found
        case .armed: .armed
        case .live: .live
        case .guess: .guess
        case .refused: .refused
        case .cutOff: .cutOff
        case .open: .open
        case .refund: .refund
        case .grant: .grant
        case .replaced: .replaced
        case .removed: .removed
        }
    }

    /// Count and ceiling after it, of an enrollment that had these before.
    func counts(after before: SlotCount) -> SlotCount {
        switch act {
        case .found(let count): count
        case .armed(let limit): SlotCount(count: 0, ceiling: limit)
        case .guess: SlotCount(count: before.count &+ 1, ceiling: before.ceiling)
        case .refused, .cutOff: SlotCount(count: before.count &- 1, ceiling: before.ceiling)
        case .refund(let ceiling), .grant(let ceiling): SlotCount(count: before.count, ceiling: ceiling)
        case .live, .open, .replaced, .removed: before
        }
    }
}
