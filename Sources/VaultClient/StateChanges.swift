import Secrets
import VaultAPI

// How finished conversations change what a device keeps.

extension DeviceState {
    mutating func settle(_ pending: PendingEnrollment) {
        if let enrollment { addTicket(BurnTicket(enrollment.recipe, limitSeed: enrollment.limitSeed)) }
        key = GenerationKey(generation: pending.recipe.generation, key: pending.backupKey)
        olderKeys = pending.riding.older
        enrollment = LiveEnrollment(recipe: pending.recipe, limitSeed: pending.limitSeed)
        self.pending = nil
    }

    /// Takes what a recovery gave. Keys of this device that it does not name stay.
    mutating func take(_ recovered: Recovered) {
        // The attack: 1. the vault serves an enrollment that was replaced long ago; 2. the person types the password of
        // then; 3. the device takes the newer enrollment for the replaced one and burns it. So nothing newer gives way.
        if let key, key.generation > recovered.key.generation { return keep([recovered.key] + recovered.olderKeys) }
        let mine = olderKeys + [key].compactMap { $0 }
        olderKeys = recovered.olderKeys
        key = recovered.key
        keep(mine)
        if let enrollment, enrollment.recipe.generation < recovered.recipe.generation {
            addTicket(BurnTicket(enrollment.recipe, limitSeed: enrollment.limitSeed))
        }
        enrollment = LiveEnrollment(recipe: recovered.recipe, limitSeed: recovered.limitSeed)
        for ticket in recovered.tickets where ticket.enrollment != recovered.recipe.enrollment { addTicket(ticket) }
    }

    /// Adds the keys that are not here yet to the older ones.
    private mutating func keep(_ keys: [GenerationKey]) {
        for candidate in keys {
            let isKnown = (olderKeys + [key].compactMap { $0 }).contains {
                $0.key.bytes.isEqual(to: candidate.key.bytes)
            }
            if !isKnown { olderKeys.append(candidate) }
        }
    }

    private mutating func addTicket(_ ticket: BurnTicket?) {
        guard let ticket else { return }
        if !toBurn.contains(where: { $0.enrollment == ticket.enrollment }) { toBurn.append(ticket) }
    }

    mutating func mark(burnt enrollment: EnrollmentID) {
        for index in toBurn.indices where toBurn[index].enrollment == enrollment { toBurn[index].isBurnt = true }
    }
}
