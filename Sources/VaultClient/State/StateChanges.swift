import Secrets
import TPM
import VaultAPI

// What each event does to the state that a device keeps. No key is ever dropped, and no enrollment that could still be
// guessed at without a ticket to burn its slot.

extension DeviceState {
    /// A backup key that was made or brought in without a vault.
    ///
    /// Where there is a key already it stays the one in use: what names it must go on naming it.
    mutating func keep(_ key: GenerationKey, wasBehindPassword: Bool = false) {
        guard self.key == nil else { return addOlder([key]) }
        self.key = key
        keyIsBehindPassword = wasBehindPassword
    }

    /// The journal of step 3: from here on the same message is repeated, and no other attempt begun.
    ///
    /// - Parameter forgetting: the enrollments that it replaces, where this device cannot burn them.
    mutating func journal(_ pending: PendingEnrollment, forgetting: [ReplacedEnrollment] = []) {
        self.pending = pending
        replaced = forgetting
        // Also when it only rides along: it is then open to the guesses at that password.
        let sent = [pending.backupKey] + pending.older.map(\.key)
        if let key, sent.contains(where: { $0.bytes.isEqual(to: key.key.bytes) }) { keyIsBehindPassword = true }
    }

    /// The pending enrollment is live, and takes the place of the one before.
    mutating func settle(_ pending: PendingEnrollment) {
        let id = pending.recipe.enrollment
        // Recovered in the meantime, it is the live one already, and must not be burnt for itself.
        if let enrollment, enrollment.recipe.enrollment != id { addTickets(enrollment.tickets) }
        toBurn.removeAll { $0.enrollment == id }
        enrollment = pending.live
        adopt(
            GenerationKey(generation: pending.recipe.generation, key: pending.backupKey), older: pending.older)
        keyIsBehindPassword = true
        exposedLimit = nil
        self.pending = nil
        // Never before the new one is live: without being burnt it is still the one that the password opens.
        toForget += replaced
        replaced = []
    }

    /// The pending enrollment will not be finished: its password is exposed to as many guesses as its limit, and its slot,
    /// if the vault has one, is to be burnt.
    mutating func giveUpPending() {
        guard let pending else { return }
        addTickets(BurnTicket.all(of: pending.recipe, limitSeed: pending.limitSeed))
        exposedLimit = (exposedLimit ?? 0) + pending.limit
        // Its generation is not used again, and the key is kept: the vault may have made it live all the same.
        addOlder([GenerationKey(generation: pending.recipe.generation, key: pending.backupKey)])
        self.pending = nil
        replaced = []
    }

    /// The live enrollment is to be burnt.
    mutating func letGo() {
        addTickets(enrollment?.tickets ?? [])
        enrollment = nil
    }

    /// Takes what a recovery gave. Keys of this device that it does not name stay.
    mutating func take(_ recovered: Recovered) {
        // The attack: 1. the vault serves an enrollment that was replaced long ago; 2. the person types the password of
        // then; 3. the device takes the newer enrollment for the replaced one and burns it. So nothing newer gives way.
        if let key, key.generation > recovered.key.generation { return addOlder([recovered.key] + recovered.olderKeys) }
        let id = recovered.recipe.enrollment
        adopt(recovered.key, older: recovered.olderKeys)
        keyIsBehindPassword = true
        if let enrollment, enrollment.recipe.generation < recovered.recipe.generation { addTickets(enrollment.tickets) }
        enrollment = LiveEnrollment(
            recipe: recovered.recipe, confirmation: recovered.confirmation, limitSeed: recovered.limitSeed)
        // It is live where it was served. Some of several vaults may still wait for their share.
        if let begun = pending, begun.recipe.enrollment == id, begun.recipe.vaults.count == 1 {
            pending = nil
            toForget += replaced
            replaced = []
        }
        toForget.removeAll { $0.enrollment == id }
        toBurn.removeAll { $0.enrollment == id }
        addTickets(recovered.tickets.filter { $0.enrollment != id })
    }

    /// Makes `key` the one in use; every other key of this device stays among the older ones.
    private mutating func adopt(_ key: GenerationKey, older: [GenerationKey]) {
        let mine = olderKeys + [self.key].compactMap { $0 }
        self.key = key
        olderKeys = older
        addOlder(mine)
    }

    /// Adds the keys that are not here yet to the older ones.
    private mutating func addOlder(_ keys: [GenerationKey]) {
        for candidate in keys {
            let isKnown = (olderKeys + [key].compactMap { $0 }).contains {
                $0.key.bytes.isEqual(to: candidate.key.bytes)
            }
            if !isKnown { olderKeys.append(candidate) }
        }
    }

    private mutating func addTickets(_ tickets: [BurnTicket]) {
        for ticket in tickets where !toBurn.contains(where: ticket.isSame) { toBurn.append(ticket) }
    }

    /// Whether the enrollment is live or about to be.
    func uses(_ id: EnrollmentID) -> Bool {
        enrollment?.recipe.enrollment == id || pending?.recipe.enrollment == id
    }

    mutating func change(_ ticket: BurnTicket, _ body: (inout BurnTicket) -> Void) {
        for index in toBurn.indices where toBurn[index].isSame(as: ticket) { body(&toBurn[index]) }
    }
}

extension PendingEnrollment {
    /// What it is once it is live.
    fileprivate var live: DeviceState.LiveEnrollment {
        DeviceState.LiveEnrollment(
            recipe: recipe, confirmation: shares.first?.commit.confirmation, limitSeed: limitSeed)
    }
}

extension DeviceState.LiveEnrollment {
    /// What it takes to burn its slots.
    var tickets: [BurnTicket] { BurnTicket.all(of: recipe, limitSeed: limitSeed) }
}
