import TPM
import VaultAPI

extension Device {
    /// Has the account's slots burnt and its records erased. The backup keys stay on this device.
    ///
    /// - Returns: what was done; `goneByItsClaim` means that nothing is proven. What could not be done at one of several
    ///   vaults is still in `state.toBurn`.
    @discardableResult
    public mutating func forget(at vaults: some Vaults) async throws(VaultClientError) -> [Finished] {
        let fleet = vaults.fleet
        if state.pending != nil { try await complete(at: fleet) }
        let done = try await burnAll(at: fleet)
        // What comes after begins a history of its own.
        let here = fleet.links.map(\.vault.endorsementName.bytes)
        try update { state in state.seen.removeAll { here.contains($0.endorsementName) } }
        return done
    }

    private mutating func burnAll(at fleet: Fleet) async throws(VaultClientError) -> [Finished] {
        if let live = state.enrollment {
            // Another vault could burn nothing, and would be believed to have.
            let checked = try CheckedRecipe(live.recipe, for: account)
            for link in fleet.links { _ = try checked.entry(at: link.vault) }
            try update { $0.letGo() }
            return try await burnOldSlots(at: fleet).orThrow()
        }
        // What was begun earlier and whose last reply was lost: it is gone on with, and what it comes to is told again.
        let here = fleet.links.map(\.vault.endorsementName.bytes)
        guard state.toBurn.contains(where: { here.contains($0.endorsementName) }) else {
            throw VaultClientError(.notOnThisDevice)
        }
        let done = try await burnOldSlots(at: fleet).orThrow()
        let claims = state.toBurn.filter { $0.isGoneByClaim && here.contains($0.endorsementName) }
        return done + claims.map { .goneByItsClaim($0.enrollment) }.filter { !done.contains($0) }
    }

    /// Has the vaults erase an enrollment that this device cannot burn: its guesses stay with a dishonest host.
    public func forgetUnburnt(_ enrollment: EnrollmentID, at vaults: some Vaults) async throws(VaultClientError) {
        let (fleet, account) = (vaults.fleet, account)
        for link in fleet.links {
            do throws(VaultClientError) {
                try await link.forget(account, enrollment, unburnt: true)
            } catch {
                guard error.saysThatItIsGone else { throw fleet.naming(link, error) }
            }
        }
    }

    /// What became of the burning: what was done, and the refusals of the vaults where not all of it was.
    struct Burnt {
        var done: [Finished] = []
        var refusals: [VaultClientError] = []
        var asked = 0

        /// What was done; an error where nothing was, at any vault.
        func orThrow() throws(VaultClientError) -> [Finished] {
            if let refusal = refusals.first, refusals.count == asked { throw refusal }
            return done
        }
    }

    /// Burns and forgets what `toBurn` lists; each step is written before the next. A slot whose burn is refused stays
    /// on the list, and the others go on.
    mutating func burnOldSlots(at fleet: Fleet) async throws(VaultClientError) -> Burnt {
        var burnt = Burnt()
        for link in fleet.links {
            burnt.asked += 1
            let refusal = try await burnOldSlots(at: link, done: &burnt.done)
            if let refusal { burnt.refusals.append(fleet.naming(link, refusal)) }
        }
        return burnt
    }

    /// - Returns: the first refusal. Whoever does not answer any more is not asked for the rest.
    private mutating func burnOldSlots(
        at link: VaultLink, done: inout [Finished]
    ) async throws(VaultClientError) -> VaultClientError? {
        var refusal: VaultClientError?
        let here = link.vault.endorsementName.bytes
        for ticket in state.toBurn where ticket.endorsementName == here && !state.uses(ticket.enrollment) {
            do throws(VaultClientError) {
                if let thing = try await burn(ticket, at: link) { done.append(thing) }
            } catch {
                if error.isOfThisDevice { throw error }
                refusal = refusal ?? error
                if error.endsConversation { return error }
            }
        }
        for replaced in state.toForget where replaced.endorsementName == here {
            do throws(VaultClientError) {
                try await forgetUnburnt(replaced.enrollment, at: link)
                try update { state in state.toForget.removeAll { $0 == replaced } }
            } catch {
                if error.isOfThisDevice { throw error }
                refusal = refusal ?? error
                if error.endsConversation { return error }
            }
        }
        return refusal
    }

    /// 1. A vault answers a burn with "there is nothing left"; 2. the device lets go of the limit seed; 3. the old
    /// password still works elsewhere. So a ticket goes only when the chip confirmed the burn; until then it is tried
    /// each time, and the claim is told once.
    private mutating func burn(
        _ ticket: BurnTicket, at link: VaultLink
    ) async throws(VaultClientError) -> Finished? {
        var isBurnt = ticket.isBurnt
        if !isBurnt {
            isBurnt = try await Self.isThere { () async throws(VaultClientError) in
                try await ticket.burn(account, through: link)
            }
            if isBurnt { try update { $0.change(ticket) { $0.isBurnt = true } } }
        }
        // Also where the slot is said to be gone: its record would keep the account from being enrolled again.
        _ = try await Self.isThere { () async throws(VaultClientError) in
            try await link.forget(account, ticket.enrollment, unburnt: false)
        }
        guard isBurnt else {
            try update { $0.change(ticket) { $0.isGoneByClaim = true } }
            return ticket.isGoneByClaim ? nil : .goneByItsClaim(ticket.enrollment)
        }
        try update { state in state.toBurn.removeAll(where: ticket.isSame) }
        return .burnt(ticket.enrollment)
    }

    /// Whether `body` went through; `false` when the vault says that there is nothing left of the enrollment.
    private static func isThere(
        _ body: () async throws(VaultClientError) -> Void
    ) async throws(VaultClientError) -> Bool {
        do throws(VaultClientError) {
            try await body()
            return true
        } catch {
            guard error.saysThatItIsGone else { throw error }
            return false
        }
    }

    /// The burning after a change, whose failure does not undo the change.
    mutating func burnReplacedSlots(at fleet: Fleet) async throws(VaultClientError) {
        let failure: VaultClientError?
        do throws(VaultClientError) {
            failure = try await burnOldSlots(at: fleet).refusals.first
        } catch {
            failure = error
        }
        if let failure { throw VaultClientError(.oldSlotStays(failure.reason)) }
    }
}

extension VaultClientError {
    /// Whether this device's own files failed, so that no vault can go on.
    fileprivate var isOfThisDevice: Bool { if case .state = reason { true } else { false } }
}
