import VaultAPI

/// One slot of an enrollment, as a device remembers its own guesses.
struct GuessedSlot: Hashable, Comparable, Sendable {
    let enrollment: EnrollmentID
    /// The vault's endorsement Name; `nil` where the enrollment has one vault alone.
    let vault: [UInt8]?

    init(_ enrollment: EnrollmentID, at vault: [UInt8]?) {
        self.enrollment = enrollment
        self.vault = vault
    }

    init(of recipe: Recipe, at endorsementName: [UInt8]) {
        self.init(recipe.enrollment, at: recipe.vaults.count == 1 ? nil : endorsementName)
    }

    /// The order in the device's file.
    static func < (one: GuessedSlot, other: GuessedSlot) -> Bool {
        guard one.enrollment == other.enrollment else {
            return one.enrollment.description < other.enrollment.description
        }
        return (one.vault ?? []).lexicographicallyPrecedes(other.vault ?? [])
    }
}

/// An evaluation that a vault made for this device.
struct OwnGuess: Sendable {
    let slot: GuessedSlot
    /// The endorsement Name of the vault.
    let vault: [UInt8]
    /// The count after it, by the vault's word; `nil` where the vault had not said how high its ceiling is.
    let count: UInt32?
}

extension DeviceState {
    /// Remembers an evaluation on this device, and whether it was not given back.
    mutating func note(_ guess: OwnGuess, notGivenBack isSpent: Bool) {
        let slot = guess.slot
        if let count = guess.count { noteCount(count, of: slot) }
        guard isSpent else { return }
        // Of other enrollments nobody asks any more; a vault that serves a new one each time fills no file.
        notGivenBack = notGivenBack.filter { $0.key.enrollment == slot.enrollment || uses($0.key.enrollment) }
        notGivenBack[slot, default: 0] &+= 1
    }

    private mutating func noteCount(_ count: UInt32, of slot: GuessedSlot) {
        // Their lines stay in the journal when an enrollment is replaced; a vault that serves a new one each time fills no file.
        let old = ownGuesses.keys.filter { !uses($0.enrollment) && $0.enrollment != slot.enrollment }
        if ownGuesses[slot] == nil, ownGuesses.count >= 16, let other = old.first { ownGuesses[other] = nil }
        ownGuesses[slot, default: []].append(count)
        if let many = ownGuesses[slot], many.count > 1024 { ownGuesses[slot] = many.suffix(1024) }
    }

    /// The counts after this device's own evaluations at one vault, by enrollment.
    func ownCounts(at vault: [UInt8]) -> [EnrollmentID: [UInt32]] {
        var counts: [EnrollmentID: [UInt32]] = [:]
        for (slot, own) in ownGuesses where slot.vault == nil || slot.vault == vault {
            counts[slot.enrollment, default: []] += own
        }
        return counts
    }
}
