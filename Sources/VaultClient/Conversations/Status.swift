import TPM
import VaultAPI

/// How an account stands at a vault.
public struct AccountStatus: Sendable {
    public let recipe: Recipe
    /// What the vault says; a claim.
    public let claimed: SlotCount
    /// What the chip says in a session of this device's own, where this device holds the enrollment's limit seed.
    public let proven: Proven?
    /// Replaced enrollments whose slots are still there, as the vault says.
    public let replaced: [EnrollmentID]

    /// Numbers that the vault's program cannot alter.
    public struct Proven: Hashable, Sendable {
        public let slot: SlotCount
        /// Guesses that the person granted beyond limit and refunds; overstated where the vault lost the record of it.
        public let granted: UInt32
        /// Guesses that no verified recovery stands for: mistyped passwords, recoveries whose refund did not come
        /// through, and other people's. `count - (ceiling - limit - granted)`.
        public let unproven: UInt32
        /// How many of the unproven ones this device remembers as its own person's: passwords that it was told are wrong.
        ///
        /// The attack: 1. the vault guesses once; 2. answers the person's right password with a wrong point and counts
        /// nothing; 3. the one is taken for the other. So whoever knows to have typed no wrong password goes by `unproven`.
        public let mistypedHere: UInt32

        /// Guesses that this person did not make, as far as this device knows: somebody else's, or the person's own on
        /// another device.
        public var notMade: UInt32 { unproven - mistypedHere }
    }
}

extension Device {
    /// Looks the account up and, where this device can, has the chip state count and ceiling. No guess is spent.
    public func status(at link: VaultLink) async throws(VaultClientError) -> AccountStatus {
        try await state.status(at: link)
    }

    /// The same at every vault of the fleet at once, in its order.
    public func statuses(at fleet: Fleet) async -> [Result<AccountStatus, VaultClientError>] {
        let state = state
        let round = Round<AccountStatus>(fleet.links) { (link) async throws(VaultClientError) in
            try await state.status(at: link)
        }
        let results = await round.answers { _ in nil }
        await round.end()
        return fleet.links.indices.map { results[$0] ?? .failure(VaultClientError(.slow)) }
    }

    /// Grants `guesses` more, to the person and to the vault's host alike; the caller has said so to the person.
    ///
    /// - Returns: count and ceiling as the chip has them now.
    public func grant(_ guesses: UInt32, at link: VaultLink) async throws(VaultClientError) -> SlotCount {
        try await state.grant(guesses, at: link)
    }

    /// The same at every vault of the fleet at once, in its order. To the person it is of use when as many vaults as are
    /// needed have done it.
    public func grants(
        _ guesses: UInt32, at fleet: Fleet
    ) async -> [Result<SlotCount, VaultClientError>] {
        let state = state
        let round = Round<SlotCount>(fleet.links) { (link) async throws(VaultClientError) in
            try await state.grant(guesses, at: link)
        }
        let results = await round.answers { _ in nil }
        await round.end()
        return fleet.links.indices.map { results[$0] ?? .failure(VaultClientError(.slow)) }
    }
}

extension DeviceState {
    fileprivate func status(at link: VaultLink) async throws(VaultClientError) -> AccountStatus {
        let served = try await link.lookUp(account)
        var proven: AccountStatus.Proven?
        if let live = enrollment, live.recipe == served.recipe {
            let slot = try slot(of: live, at: link)
            let limit = try limit(of: live, at: link)
            let ceiling = try await slot.ceiling(record: served.ceilingRecord, limit: limit)
            let unproven = ceiling.unproven(limit: limit)
            proven = AccountStatus.Proven(
                slot: ceiling.proven, granted: ceiling.granted, unproven: unproven,
                mistypedHere: min(
                    unproven, notGivenBack[GuessedSlot(of: live.recipe, at: link.vault.endorsementName.bytes)] ?? 0))
        }
        return AccountStatus(
            recipe: served.recipe, claimed: SlotCount(count: served.count, ceiling: served.ceiling), proven: proven,
            replaced: served.replaced)
    }

    fileprivate func grant(_ guesses: UInt32, at link: VaultLink) async throws(VaultClientError) -> SlotCount {
        guard SlotProfile.limits.contains(guesses) else { throw VaultClientError(.profile(.limit(guesses))) }
        guard let live = enrollment else { throw VaultClientError(.notOnThisDevice) }
        let served = try await link.lookUp(account)
        let slot = try slot(of: live, at: link)
        return try await slot.raise(
            by: guesses, asGrant: true, record: served.ceilingRecord, limit: try limit(of: live, at: link))
    }

    /// This account's slot at one of its vaults.
    private func slot(of live: LiveEnrollment, at link: VaultLink) throws(VaultClientError) -> OwnSlot {
        let entry = try CheckedRecipe(live.recipe, for: account).entry(at: link.vault)
        return try OwnSlot(
            link: link, account: account, enrollment: live.recipe.enrollment, handle: entry.slot,
            authority: link.vault.authority, limitSeed: live.limitSeed.bytes)
    }

    /// That slot's first ceiling.
    private func limit(of live: LiveEnrollment, at link: VaultLink) throws(VaultClientError) -> UInt32 {
        try CheckedRecipe(live.recipe, for: account).entry(at: link.vault).limit
    }
}

extension DeviceState.LiveEnrollment {
    /// How many guesses anyone has who runs all its vaults' hosts.
    public var limit: UInt32 { recipe.guesses }
}
