import Passwords
import Secrets
import TPM
import VaultAPI

/// One account on this device: its files, and every conversation that changes them.
///
/// Killed between any two steps, it goes on from its files: an enrollment that was begun is made live or given up, and
/// an old slot is burnt at the next opportunity. Every operation with a vault begins with that.
public struct Device: ~Copyable, Sendable {
    /// What is kept.
    public private(set) var state: DeviceState
    private let folder: AccountFolder

    /// Opens the account's folder for this process alone, and reads what is kept there.
    public init(_ account: Account, in home: DeviceHome) throws(DeviceStateError) {
        let folder = try AccountFolder(account, in: home)
        state = try folder.load()
        self.folder = folder
    }

    public var account: Account { state.account }

    /// Changes what is kept and writes it; nothing is changed when it cannot be written.
    mutating func update(_ body: (inout DeviceState) -> Void) throws(VaultClientError) {
        var next = state
        body(&next)
        do throws(DeviceStateError) {
            try folder.save(next)
        } catch {
            throw VaultClientError(.state(error))
        }
        state = next
    }

    /// Keeps a backup key that was made or brought in without a vault; where there is a key already, as an older one.
    ///
    /// - Parameter wasBehindPassword: whether the key was ever enrolled, by its backup's word.
    public mutating func keep(_ key: GenerationKey, wasBehindPassword: Bool = false) throws(VaultClientError) {
        try update { $0.keep(key, wasBehindPassword: wasBehindPassword) }
    }

    /// Keeps the 32 bytes of the 64-digit mode, or lets go of them.
    public mutating func keepDigits(_ digits: SharedSecret?) throws(VaultClientError) {
        try update { $0.digits = digits }
    }

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

    /// Recovers with a password that was typed once; a wrong one is an outcome. What comes back is kept on this device.
    ///
    /// - Parameters:
    ///   - pinned: what the backup at hand pins; a served recipe or confirmation that differs is refused before a guess is
    ///     spent.
    ///   - accepting: whether the keys are the ones that were looked for; nothing is written before it agreed.
    public mutating func recover(
        at vaults: some Vaults, password: borrowing Password, pinned: PinnedRecipe? = nil,
        accepting: (Recovered) -> Bool = { _ in true }
    ) async throws(VaultClientError) -> RecoverOutcome {
        var made: [OwnGuess] = []
        let outcome: RecoverOutcome
        do throws(VaultClientError) {
            let recovery = Recovery(fleet: vaults.fleet, account: account, pinned: pinned)
            outcome = try await recovery.run(password) { made = $0 }
        } catch {
            try? note(made)
            throw error
        }
        guard case .recovered(let recovered) = outcome else {
            try? note(made)
            return outcome
        }
        try? note(made, recovered)
        guard accepting(recovered) else { throw VaultClientError(.notTheKey, recovered.cost) }
        do throws(VaultClientError) {
            try update { $0.take(recovered) }
        } catch {
            throw error.costing(recovered.cost)
        }
        return outcome
    }

    /// Keeps in mind that guesses were this person's own. What is not kept is later shown as perhaps somebody else's, which
    /// errs on the side of caution; a failure to write is no reason to fail.
    ///
    /// - Parameter recovered: what came of them; nothing, where the password was wrong.
    private mutating func note(_ made: [OwnGuess], _ recovered: Recovered? = nil) throws(VaultClientError) {
        guard !made.isEmpty else { return }
        try update { state in
            for guess in made {
                guard let recovered else {
                    state.note(guess, notGivenBack: true)
                    continue
                }
                // A vault whose answer was false has no refund, and may have counted nothing.
                guard let one = recovered.refunds.first(where: { $0.endorsementName == guess.vault }) else { continue }
                state.note(guess, notGivenBack: one.refund.stayedSpent)
            }
        }
    }

    /// Changes the password: a new enrollment with a new backup key, at these vaults, which may be others than before; then
    /// the old slots are burnt, as far as their vaults are among these.
    ///
    /// - Parameter replacing: an enrollment that is live at a vault, where it is not one that this device knows.
    public mutating func changePassword(
        at vaults: some Vaults, to password: borrowing Password, choice: EnrollmentChoice = EnrollmentChoice(),
        replacing: EnrollmentID? = nil, exposureKnown: Bool = false
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
            standings(at: fleet), replacing)
        try await burnReplacedSlots(at: fleet)
    }

    /// Has the account's slots burnt and its records erased. The backup keys stay on this device.
    ///
    /// - Returns: what was done; `goneByItsClaim` means that nothing is proven. What could not be done at one of several
    ///   vaults is still in `state.toBurn`.
    @discardableResult
    public mutating func forget(at vaults: some Vaults) async throws(VaultClientError) -> [Finished] {
        let fleet = vaults.fleet
        if state.pending != nil { try await complete(at: fleet) }
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

    /// Goes on with what was begun: makes a pending enrollment live, and burns old slots.
    ///
    /// - Returns: what was done. A slot whose burn the chip or the vault refuses stays in `state.toBurn`.
    @discardableResult
    public mutating func finish(at vaults: some Vaults) async throws(VaultClientError) -> [Finished] {
        let fleet = vaults.fleet
        var done: [Finished] = []
        if let pending = state.pending {
            try await complete(at: fleet)
            done.append(.enrolled(pending.recipe.enrollment))
        }
        let burnt = try await burnOldSlots(at: fleet)
        // One vault alone that does not answer has not finished anything.
        if let ended = burnt.refusals.first, burnt.refusals.count == fleet.count, ended.endsConversation { throw ended }
        return done + burnt.done
    }

    /// A thing that had been begun and is done now.
    public enum Finished: Equatable, Sendable {
        case enrolled(EnrollmentID)
        /// The chip confirmed the burn.
        case burnt(EnrollmentID)
        /// The vault says that the enrollment is gone, which it cannot prove.
        case goneByItsClaim(EnrollmentID)
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
    private mutating func complete(at fleet: Fleet) async throws(VaultClientError) {
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

    /// What became of the burning: what was done, and the refusals of the vaults where not all of it was.
    private struct Burnt {
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
    private mutating func burnOldSlots(at fleet: Fleet) async throws(VaultClientError) -> Burnt {
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
    private mutating func burnReplacedSlots(at fleet: Fleet) async throws(VaultClientError) {
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

extension DeviceState.LiveEnrollment {
    /// Whether one of its vaults is among these.
    fileprivate func isAtAny(of fleet: Fleet) -> Bool {
        recipe.vaults.contains { entry in
            fleet.links.contains { $0.vault.endorsementName.bytes == entry.endorsementName.bytes }
        }
    }
}
