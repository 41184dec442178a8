import TPM
import VaultAPI

/// What is known of a slot's ceiling: proven by the chip, and explained by the limit key's own record.
struct Ceiling: Hashable, Sendable {
    /// Count and ceiling as the chip states them.
    let proven: SlotCount
    /// The highest ceiling that is known to have been signed; a refund goes one above it.
    let last: UInt32
    /// How many of the guesses below `last` were granted.
    let granted: UInt32

    /// - Parameters:
    ///   - proven: what the chip states in a device session. Only the limit key's signature puts a ceiling there, so to
    ///     go on from it never goes on from too high; and a store that lost its record does not lock the person out.
    ///   - record: the vault's record, if it is the limit key's own.
    ///   - limit: the first ceiling.
    init(proven: SlotCount, record: CeilingRecord?, limit: UInt32) {
        self.proven = proven
        let recorded = max(record?.ceiling ?? limit, limit)
        last = max(recorded, proven.ceiling)
        // What no record explains counts as granted: that can only overstate the guesses of others.
        granted = (record?.granted.guesses ?? 0) + (last - recorded)
    }

    /// Evaluations that no verified recovery stands for: mistyped passwords, recoveries whose refund did not come
    /// through, and other people's guesses. What is left of the count after the refunds, which are
    /// `ceiling - limit - granted`.
    func unproven(limit: UInt32) -> UInt32 {
        let refunds = UInt32(clamping: Int64(last) - Int64(limit) - Int64(granted))
        return UInt32(clamping: Int64(proven.count) - Int64(refunds))
    }
}

extension OwnSlot {
    /// Reads the slot and judges the vault's record by it.
    func ceiling(record: CeilingRecord?, limit: UInt32) async throws(VaultClientError) -> Ceiling {
        let proven = try await read()
        guard !proven.isBurnt else { throw VaultClientError(.burnt) }
        return Ceiling(proven: proven, record: own(record), limit: limit)
    }

    /// Raises the ceiling by `guesses`; `asGrant` when they stand for no recovery.
    func raise(
        by guesses: UInt32, asGrant: Bool, record: CeilingRecord?, limit: UInt32
    ) async throws(VaultClientError) -> SlotCount {
        let own = own(record)
        return try await raise { (proven) throws(VaultClientError) in
            guard !proven.isBurnt else { throw VaultClientError(.burnt) }
            let before = Ceiling(proven: proven, record: own, limit: limit)
            let (target, overflow) = before.last.addingReportingOverflow(guesses)
            guard !overflow, target <= Self.highestCeiling else { throw VaultClientError(.ceilingTooHigh) }
            return Raise(ceiling: target, granted: before.granted + (asGrant ? guesses : 0))
        }
    }

    private func own(_ record: CeilingRecord?) -> CeilingRecord? {
        record.flatMap { vouches(for: $0) ? $0 : nil }
    }

    /// Far above what anyone uses, and far below the count of a burnt slot.
    private static let highestCeiling: UInt32 = 1_000_000_000
}
