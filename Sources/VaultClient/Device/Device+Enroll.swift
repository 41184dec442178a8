import Passwords
import Secrets
import TPM
import VaultAPI

extension Device {
    /// Enrolls the account with a new backup key, or with the one that this device has and that was never behind a
    /// password: a key behind two passwords would be open to the guesses at both.
    ///
    /// - Parameters:
    ///   - replacing: an enrollment to replace, which this device does not know; its slot is not burnt by this,
    ///     since only its limit key burns it. Its record is erased when the new one is live.
    ///   - abandoning: lets go of an enrollment that cannot be finished, and of a live one at another vault; what is live
    ///     stays so until the new enrollment is, and is burnt then.
    ///   - exposureKnown: the person knows that an earlier password is exposed, and says that this is another one.
    public mutating func enroll(
        at vaults: some Vaults, password: borrowing Password, choice: EnrollmentChoice = EnrollmentChoice(),
        replacing: EnrollmentID? = nil, abandoning: Bool = false, exposureKnown: Bool = false
    ) async throws(VaultClientError) {
        let fleet = vaults.fleet
        if abandoning {
            try update { $0.giveUpPending() }
        } else {
            try await finish(at: fleet)
        }
        guard replacing != nil || abandoning || state.enrollment == nil else { throw .fault(.accountExists) }
        try checkExposure(exposureKnown)
        // Above what the vaults say it was, so that this person's other devices know the newer one; also of an enrollment
        // whose slot was destroyed, which is replaced without being named.
        let before = try await standings(at: fleet)
        let highest = before.compactMap { $0?.generation }.max() ?? 0
        let isFirst = replacing == nil && !(abandoning && state.enrollment?.isAtAny(of: fleet) == true)
        if let kept = state.key, !state.keyIsBehindPassword, isFirst {
            let key = kept.generation > highest ? kept : try nextKey(after: highest, kept.key)
            try await enroll(at: fleet, password, choice, key: key, older: state.olderKeys, before, replacing)
        } else {
            let older = state.olderKeys + [state.key].compactMap { $0 }
            try await enroll(at: fleet, password, choice, key: nextKey(after: highest), older: older, before, replacing)
        }
        try await burnReplacedSlots(at: fleet)
    }

    /// What each vault says that it keeps for the account.
    private func standings(at fleet: Fleet) async throws(VaultClientError) -> [Recipe?] {
        try fleet.needAll()
        let account = account
        let round = Round<Recipe?>(fleet.links) { (link) async throws(VaultClientError) in
            try await link.standing(of: account)
        }
        switch await round.all() {
        case .success(let recipes): return recipes
        case .failure(let failure): throw fleet.naming(fleet.links[failure.index], failure.error)
        }
    }

    /// An enrollment whose last step was sent and not confirmed leaves its password to as many guesses as its limit.
    /// Each further attempt with that password would add as many, so the person is asked first.
    private func checkExposure(_ isKnown: Bool) throws(VaultClientError) {
        if let limit = state.exposedLimit, !isKnown { throw VaultClientError(.exposedBefore(limit: limit)) }
    }

    /// A new backup key, or `key`, of the generation after the one in use and after `other`.
    private func nextKey(
        after other: UInt32 = 0, _ key: SharedSecret = SharedSecret(SecretBytes(random: 32))
    ) throws(VaultClientError) -> GenerationKey {
        let known = ([state.key].compactMap { $0 } + state.olderKeys).map(\.generation)
        let (generation, overflow) = (known + [other]).reduce(0, max).addingReportingOverflow(1)
        guard !overflow else { throw VaultClientError(.tooManyOlderKeys) }
        return GenerationKey(generation: generation, key: key)
    }

    /// The enrollment that the vaults say is live, where this device does not know it. At those that keep another one it
    /// cannot be replaced.
    public func enrollmentToReplace(at vaults: some Vaults) async throws(VaultClientError) -> EnrollmentID {
        let fleet = vaults.fleet
        let served = try await standings(at: fleet).compactMap { $0?.enrollment }
        guard let first = served.first else { throw .fault(.unknownAccount) }
        guard !served.contains(where: { $0 == state.enrollment?.recipe.enrollment }) else {
            throw .fault(.accountExists)
        }
        return first
    }

    /// Changes the password: a new enrollment with a new backup key, at these vaults, which may be others than before; then
    /// the old slots are burnt, as far as their vaults are among these.
    public mutating func changePassword(
        at vaults: some Vaults, to password: borrowing Password, choice: EnrollmentChoice = EnrollmentChoice(),
        exposureKnown: Bool = false
    ) async throws(VaultClientError) {
        let fleet = vaults.fleet
        do throws(VaultClientError) {
            try await finish(at: fleet)
        } catch {
            // A vault that is lost never confirms its share; what holds without it is there to be replaced.
            guard let pending = state.pending, pending.holds else { throw error }
            try update { $0.settle(pending) }
        }
        guard let current = state.key, state.enrollment != nil else { throw VaultClientError(.notOnThisDevice) }
        try checkExposure(exposureKnown)
        try await enroll(
            at: fleet, password, choice, key: nextKey(), older: state.olderKeys + [current],
            standings(at: fleet), nil)
        try await burnReplacedSlots(at: fleet)
    }

    /// - Parameters:
    ///   - before: what each vault keeps now.
    ///   - unknown: the enrollment that is to be replaced although this device does not know it.
    private mutating func enroll(
        at fleet: Fleet, _ password: borrowing Password, _ choice: EnrollmentChoice, key: GenerationKey,
        older: [GenerationKey], _ before: [Recipe?], _ unknown: EnrollmentID?
    ) async throws(VaultClientError) {
        var seats: [EnrollmentAttempt.Seat] = []
        var forgetting: [DeviceState.ReplacedEnrollment] = []
        for (link, kept) in zip(fleet.links, before) {
            let name = link.vault.endorsementName.bytes
            let tickets = (state.toBurn + (state.enrollment?.tickets ?? [])).filter {
                !$0.isBurnt && $0.endorsementName == name
            }
            // What this device cannot burn it replaces only when it was told to.
            let mine = tickets.contains { $0.enrollment == kept?.enrollment }
            if let unknown, kept?.enrollment == unknown, !mine {
                forgetting.append(.init(enrollment: unknown, endorsementName: name))
            }
            seats.append(
                .init(
                    link: link, replaces: mine || kept?.enrollment == unknown ? kept?.enrollment : nil, tickets: tickets
                ))
        }
        let attempt = EnrollmentAttempt(seats: seats, account: account, choice: choice, generation: key.generation)
        let pending = try await attempt.prepare(password, backupKey: key.key, older: older)
        // The journal: from here on the same messages are repeated, and no other attempt begun.
        do throws(VaultClientError) {
            try update { $0.journal(pending, forgetting: forgetting) }
        } catch {
            await fleet.close()
            throw error
        }
        try await complete(at: fleet)
    }

    /// Step 3 at every vault that has not confirmed it yet, and then the enrollment takes the old one's place, whose slots
    /// are now to be burnt. Where vaults refuse and too few are left, nothing more can come of it, and what was there
    /// before stays on this device.
    mutating func complete(at fleet: Fleet) async throws(VaultClientError) {
        guard let pending = state.pending else { return }
        let links = fleet.links.filter { link in
            pending.share(at: link.vault).map { !pending.shares[$0].isLive } ?? false
        }
        if links.isEmpty, pending.shares.contains(where: { !$0.isLive }) {
            throw fleet.missing.first?.error ?? VaultClientError(.recipe(.otherVault))
        }
        let round = Round<Void>(links) { (link) async throws(VaultClientError) in
            try await pending.commit(through: link)
        }
        // Nobody who holds a share already waits long for who is slow; the journal has the rest.
        let results = await round.answers { $0.values.contains { $0.isSuccess } ? .seconds(5) : nil }
        await round.end()

        var unfinished: [Fleet.Missing] = fleet.missing.filter { _ in pending.recipe.vaults.count > 1 }
        var refused: [Fleet.Missing] = []
        var begun = pending
        var first: VaultClientError?
        for (index, link) in links.enumerated() {
            let error: VaultClientError
            switch results[index] {
            case .success:
                if let share = begun.share(at: link.vault) { begun.shares[share].isLive = true }
                continue
            case .failure(let failure): error = failure
            case nil: error = VaultClientError(.exposed(limit: pending.limit, by: .noReply))
            }
            first = first ?? fleet.naming(link, error)
            let isRefused =
                switch error.reason {
                case .exposed(_, .refused), .exposed(_, .notOpened): true
                default: false
                }
            if isRefused {
                refused.append(Fleet.Missing(address: link.address, error: error))
            } else {
                unfinished.append(Fleet.Missing(address: link.address, error: error))
            }
        }
        let live = begun.shares.count(where: \.isLive)
        if live == begun.shares.count { return try update { $0.settle(begun) } }
        let couldBe = begun.shares.count - refused.count
        if couldBe < Int(pending.recipe.threshold) {
            try update { $0.giveUpPending() }
        } else if live == couldBe {
            // It holds without those that refused it, and what it replaces may go.
            try update { $0.settle(begun) }
            throw VaultClientError(.incomplete(refused))
        } else if live > 0 {
            try update { $0.pending = begun }
        }
        if begun.holds { throw VaultClientError(.incomplete(unfinished + refused)) }
        throw first
            ?? VaultClientError(
                .at(unfinished.first?.address ?? "", .exposed(limit: pending.limit, by: .noReply)))
    }
}

extension DeviceState.LiveEnrollment {
    /// Whether one of its vaults is among these.
    fileprivate func isAtAny(of fleet: Fleet) -> Bool {
        recipe.vaults.contains { entry in
            fleet.links.contains { $0.vault.endorsementName.bytes == entry.endorsementName.bytes }
        }
    }
}
