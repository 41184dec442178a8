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
    ///   - replacing: the vault's enrollment to replace, which this device does not know; its slot is not burnt by this,
    ///     since only its limit key burns it. Its record is erased when the new one is live.
    ///   - abandoning: lets go of an enrollment that cannot be finished, and of a live one at another vault; what is live
    ///     stays so until the new enrollment is, and is burnt then.
    ///   - exposureKnown: the person knows that an earlier password is exposed, and says that this is another one.
    public mutating func enroll(
        at link: VaultLink, password: borrowing Password, choice: EnrollmentChoice = EnrollmentChoice(),
        replacing: EnrollmentID? = nil, abandoning: Bool = false, exposureKnown: Bool = false
    ) async throws(VaultClientError) {
        let unknown = replacing
        var replacing = replacing
        if abandoning {
            try update { $0.giveUpPending() }
            if let live = state.enrollment, live.isAt(link.vault) { replacing = live.recipe.enrollment }
        } else {
            try await finish(at: link)
        }
        guard replacing != nil || abandoning || state.enrollment == nil else { throw .fault(.accountExists) }
        try checkExposure(exposureKnown)
        // Above what the vault says it was, so that this person's other devices know the newer one; also of an enrollment
        // whose slot was destroyed, which is replaced without being named.
        let before = try await link.generation(of: account)
        if let kept = state.key, !state.keyIsBehindPassword, replacing == nil {
            let key = kept.generation > before ? kept : try nextKey(after: before, kept.key)
            try await enroll(at: link, password, choice, key: key, older: state.olderKeys, replaces: nil)
        } else {
            let older = state.olderKeys + [state.key].compactMap { $0 }
            try await enroll(
                at: link, password, choice, key: nextKey(after: before), older: older, replaces: replacing,
                forgetting: unknown)
        }
        try await burnReplacedSlots(at: link)
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

    /// The enrollment that the vault says is live, where this device does not know it.
    public func enrollmentToReplace(at link: VaultLink) async throws(VaultClientError) -> EnrollmentID {
        let served = try await link.lookUp(account).recipe.enrollment
        guard served != state.enrollment?.recipe.enrollment else { throw .fault(.accountExists) }
        return served
    }

    /// Has the vault erase an enrollment that this device cannot burn: its guesses stay with a dishonest host.
    public func forgetUnburnt(_ enrollment: EnrollmentID, at link: VaultLink) async throws(VaultClientError) {
        do throws(VaultClientError) {
            try await link.forget(account, enrollment, unburnt: true)
        } catch {
            guard error.saysThatItIsGone else { throw error }
        }
    }

    /// Recovers with a password that was typed once; a wrong one is an outcome. What comes back is kept on this device.
    ///
    /// - Parameters:
    ///   - pinned: what the backup at hand pins; a served recipe or confirmation that differs is refused before a guess is
    ///     spent.
    ///   - accepting: whether the keys are the ones that were looked for; nothing is written before it agreed.
    public mutating func recover(
        at link: VaultLink, password: borrowing Password, pinned: PinnedRecipe? = nil,
        accepting: (Recovered) -> Bool = { _ in true }
    ) async throws(VaultClientError) -> RecoverOutcome {
        var evaluated: (id: EnrollmentID, count: UInt32)?
        let outcome: RecoverOutcome
        do throws(VaultClientError) {
            outcome = try await Recovery(link: link, account: account, pinned: pinned).run(password) {
                evaluated = ($0, $1)
            }
        } catch {
            try? note(evaluated, notGivenBack: true)
            throw error
        }
        guard case .recovered(let recovered) = outcome else {
            try? note(evaluated, notGivenBack: true)
            return outcome
        }
        try? note(evaluated, notGivenBack: recovered.refund.stayedSpent)
        guard accepting(recovered) else { throw VaultClientError(.notTheKey, recovered.cost) }
        do throws(VaultClientError) {
            try update { $0.take(recovered) }
        } catch {
            throw error.costing(recovered.cost)
        }
        return outcome
    }

    /// Keeps in mind that a guess was this person's own. What is not kept is later shown as perhaps somebody else's, which
    /// errs on the side of caution; a failure to write is no reason to fail.
    private mutating func note(
        _ evaluated: (id: EnrollmentID, count: UInt32)?, notGivenBack: Bool
    ) throws(VaultClientError) {
        guard let (id, count) = evaluated else { return }
        try update { state in
            state.noteOwnGuess(of: id, count: count)
            if notGivenBack { state.noteEvaluation(of: id) }
        }
    }

    /// Changes the password: a new enrollment with a new backup key; then the old slot is burnt.
    ///
    /// - Parameter replacing: the vault's live enrollment, where it is not the one that this device knows.
    public mutating func changePassword(
        at link: VaultLink, to password: borrowing Password, choice: EnrollmentChoice = EnrollmentChoice(),
        replacing: EnrollmentID? = nil, exposureKnown: Bool = false
    ) async throws(VaultClientError) {
        try await finish(at: link)
        guard let current = state.key, let live = state.enrollment else { throw VaultClientError(.notOnThisDevice) }
        try checkExposure(exposureKnown)
        try await enroll(
            at: link, password, choice, key: nextKey(), older: state.olderKeys + [current],
            replaces: replacing ?? live.recipe.enrollment)
        try await burnReplacedSlots(at: link)
    }

    /// Has the account's slot burnt and its record erased. The backup keys stay on this device.
    ///
    /// - Returns: what was done; `goneByItsClaim` means that nothing is proven.
    @discardableResult
    public mutating func forget(at link: VaultLink) async throws(VaultClientError) -> [Finished] {
        if let pending = state.pending { try await complete(pending, through: link) }
        if let live = state.enrollment {
            // Another vault could burn nothing, and would be believed to have.
            _ = try CheckedRecipe(live.recipe, for: account, at: link.vault)
            try update { $0.letGo() }
            let (done, refusal) = try await burnOldSlots(at: link)
            if let refusal { throw refusal }
            return done
        }
        // What was begun earlier and whose last reply was lost: it is gone on with, and what it comes to is told again.
        let here = link.vault.endorsementName.bytes
        guard state.toBurn.contains(where: { $0.endorsementName == here }) else {
            throw VaultClientError(.notOnThisDevice)
        }
        let (done, refusal) = try await burnOldSlots(at: link)
        if let refusal { throw refusal }
        let claims = state.toBurn.filter { $0.isGoneByClaim && $0.endorsementName == here }
        return done + claims.map { .goneByItsClaim($0.enrollment) }.filter { !done.contains($0) }
    }

    /// Goes on with what was begun: makes a pending enrollment live, and burns old slots.
    ///
    /// - Returns: what was done. A slot whose burn the chip or the vault refuses stays in `state.toBurn`.
    @discardableResult
    public mutating func finish(at link: VaultLink) async throws(VaultClientError) -> [Finished] {
        var done: [Finished] = []
        if let pending = state.pending {
            try await complete(pending, through: link)
            done.append(.enrolled(pending.recipe.enrollment))
        }
        return done + (try await burnOldSlots(at: link).done)
    }

    /// A thing that had been begun and is done now.
    public enum Finished: Equatable, Sendable {
        case enrolled(EnrollmentID)
        /// The chip confirmed the burn.
        case burnt(EnrollmentID)
        /// The vault says that the enrollment is gone, which it cannot prove.
        case goneByItsClaim(EnrollmentID)
    }

    private mutating func enroll(
        at link: VaultLink, _ password: borrowing Password, _ choice: EnrollmentChoice, key: GenerationKey,
        older: [GenerationKey], replaces: EnrollmentID?, forgetting: EnrollmentID? = nil
    ) async throws(VaultClientError) {
        var tickets = state.toBurn.filter { !$0.isBurnt && $0.endorsementName == link.vault.endorsementName.bytes }
        if let live = state.enrollment, live.isAt(link.vault), let ticket = live.ticket { tickets.append(ticket) }
        let attempt = EnrollmentAttempt(
            link: link, account: account, choice: choice, generation: key.generation, replaces: replaces)
        let pending = try await attempt.prepare(
            password, backupKey: key.key, riding: RidingKeys(older: older, tickets: tickets))
        // The journal: from here on the same message is repeated, and no other attempt begun.
        do throws(VaultClientError) {
            try update { $0.journal(pending, forgetting: forgetting) }
        } catch {
            await link.courier.hangUp()
            throw error
        }
        try await complete(pending, through: link)
    }

    /// Step 3, and then the enrollment takes the old one's place, whose slot is now to be burnt. Where the vault
    /// refuses, nothing more can come of it, and what was there before stays on this device.
    private mutating func complete(
        _ pending: PendingEnrollment, through link: VaultLink
    ) async throws(VaultClientError) {
        do throws(VaultClientError) {
            try await pending.commit(through: link)
        } catch {
            switch error.reason {
            case .exposed(_, .refused), .exposed(_, .notOpened): try update { $0.giveUpPending() }
            default: break
            }
            throw error
        }
        try update { $0.settle(pending) }
    }

    /// Burns and forgets what `toBurn` lists; each step is written before the next. A slot whose burn is refused stays
    /// on the list, and the others go on.
    private mutating func burnOldSlots(
        at link: VaultLink
    ) async throws(VaultClientError) -> (done: [Finished], refusal: VaultClientError?) {
        var done: [Finished] = []
        var refusal: VaultClientError?
        for ticket in state.toBurn
        where ticket.endorsementName == link.vault.endorsementName.bytes && !state.uses(ticket.enrollment) {
            do throws(VaultClientError) {
                if let thing = try await burn(ticket, at: link) { done.append(thing) }
            } catch {
                if error.endsConversation { throw error }
                refusal = refusal ?? error
            }
        }
        for replaced in state.toForget where replaced.endorsementName == link.vault.endorsementName.bytes {
            do throws(VaultClientError) {
                try await forgetUnburnt(replaced.enrollment, at: link)
                try update { state in state.toForget.removeAll { $0.enrollment == replaced.enrollment } }
            } catch {
                if error.endsConversation { throw error }
                refusal = refusal ?? error
            }
        }
        return (done, refusal)
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
            if isBurnt { try update { $0.change(ticket.enrollment) { $0.isBurnt = true } } }
        }
        // Also where the slot is said to be gone: its record would keep the account from being enrolled again.
        _ = try await Self.isThere { () async throws(VaultClientError) in
            try await link.forget(account, ticket.enrollment, unburnt: false)
        }
        guard isBurnt else {
            try update { $0.change(ticket.enrollment) { $0.isGoneByClaim = true } }
            return ticket.isGoneByClaim ? nil : .goneByItsClaim(ticket.enrollment)
        }
        try update { state in state.toBurn.removeAll { $0.enrollment == ticket.enrollment } }
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
    private mutating func burnReplacedSlots(at link: VaultLink) async throws(VaultClientError) {
        let failure: VaultClientError?
        do throws(VaultClientError) {
            failure = try await burnOldSlots(at: link).refusal
        } catch {
            failure = error
        }
        if let failure { throw VaultClientError(.oldSlotStays(failure.reason)) }
    }
}
