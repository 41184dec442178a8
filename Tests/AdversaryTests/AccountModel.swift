import ChipWitness

/// What honest operations do to an account, as the person was promised: a value, without any I/O. It is compared with what
/// the device says and with what the chip holds.
enum AccountModel: Equatable {
    case absent
    case live(count: UInt32, ceiling: UInt32)
    /// Somebody interfered; the bound holds all the same, but the person was promised nothing.
    case unsure

    enum Operation: Equatable {
        /// Also a change of password.
        case enroll(limit: UInt32)
        case recover
        case mistype
        case grant(UInt32)
        case forget
        case status
    }

    /// An operation without interference ended so.
    ///
    /// - Returns: whether that is what must come of it.
    mutating func run(_ operation: Operation, _ outcome: Outcome) -> Bool {
        switch (self, operation) {
        case (.unsure, _): return true
        case (_, .enroll(let limit)):
            // One evaluation of the enrollment's own, which it gave back.
            self = .live(count: 1, ceiling: limit + 1)
            return outcome == .done
        case (.absent, _): return outcome.isRefused
        case (.live(let count, let ceiling), .recover) where count < ceiling:
            self = .live(count: count + 1, ceiling: ceiling + 1)
            return outcome == .recovered
        case (.live(let count, let ceiling), .mistype) where count < ceiling:
            self = .live(count: count + 1, ceiling: ceiling)
            return outcome == .wrongPassword
        case (.live, .recover), (.live, .mistype): return outcome == .lockedOut
        case (.live(let count, let ceiling), .grant(let guesses)):
            self = .live(count: count, ceiling: ceiling + guesses)
            return outcome == .done
        case (.live, .forget):
            self = .absent
            return outcome == .done
        case (.live, .status): return outcome == .done
        }
    }

    /// Whether the chip holds what it must.
    func agrees(with reading: SlotReading) -> Bool {
        guard case .live(let count, let ceiling) = self, reading != .unreadable else { return true }
        return reading == .written(count: count, ceiling: ceiling)
    }

    /// After the operator was there: what the chip holds now.
    mutating func adopt(_ reading: SlotReading) {
        guard case .live = self else { return }
        if case .written(let count, let ceiling) = reading {
            self = .live(count: count, ceiling: ceiling)
        } else {
            self = .unsure
        }
    }
}

/// How an honest operation ended, as a device says.
enum Outcome: Equatable {
    case done
    case recovered
    case wrongPassword
    case lockedOut
    case refused(String)

    var isRefused: Bool { if case .refused = self { true } else { false } }
}
