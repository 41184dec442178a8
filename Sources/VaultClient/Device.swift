import Passwords
import Secrets
import TPM
import VaultAPI

/// One account on this device: its files, and every conversation that changes them.
///
/// Killed between any two steps, it goes on from its files: an enrollment that was begun is made live or given up, and an
/// old slot is burnt at the next opportunity. Every operation with a vault begins with that.
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

    /// Keeps a backup key that was made or brought in without a vault; the one before it becomes an older key.
    public mutating func keep(_ key: GenerationKey) throws(VaultClientError) {
        try update { state in
            if let old = state.key { state.olderKeys.append(old) }
            state.key = key
        }
    }

    /// Keeps the 32 bytes of the 64-digit mode, or lets go of them.
    public mutating func keepDigits(_ digits: SharedSecret?) throws(VaultClientError) {
        try update { $0.digits = digits }
    }

    /// Enrolls the account with a new backup key, or with the one this device already has without a vault.
    ///
    /// - Parameter replacing: the vault's enrollment to replace, which this device does not know; its slot is not burnt by
    ///   this, since only its limit key burns it. A key that this device has then becomes an older one, so that the guesses
    ///   left at the old password are not guesses at the new key.
    public mutating func enroll(
        at link: VaultLink, password: borrowing Password, choice: EnrollmentChoice = EnrollmentChoice(),
        replacing: EnrollmentID? = nil
    ) async throws(VaultClientError) {
        try await finish(at: link)
        if let replacing {
            let older = state.olderKeys + [state.key].compactMap { $0 }
            try await enroll(at: link, password, choice, key: nextKey(), older: older, replaces: replacing)
            _ = try await burnOldSlots(at: link)
            return
        }
        guard state.enrollment == nil else { throw .fault(.accountExists) }
        let key: GenerationKey
        if let kept = state.key { key = kept } else { key = try nextKey() }
        try await enroll(at: link, password, choice, key: key, older: state.olderKeys, replaces: nil)
    }

    /// A new backup key, of the generation after the one in use.
    private func nextKey() throws(VaultClientError) -> GenerationKey {
        let (generation, overflow) = (state.key?.generation ?? 0).addingReportingOverflow(1)
        guard !overflow else { throw VaultClientError(.tooManyOlderKeys) }
        return GenerationKey(generation: generation, key: SharedSecret(SecretBytes(random: 32)))
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
    /// - Parameter pinnedHash: the recipe's hash as the backup at hand has it; a served recipe that differs is refused
    ///   before a guess is spent.
    public mutating func recover(
        at link: VaultLink, password: borrowing Password, pinnedHash: [UInt8]? = nil,
        accepting: (Recovered) throws(VaultClientError) -> Void = { _ throws(VaultClientError) in }
    ) async throws(VaultClientError) -> RecoverOutcome {
        let outcome = try await Recovery(link: link, account: account, pinnedHash: pinnedHash).run(password)
        guard case .recovered(let recovered) = outcome else { return outcome }
        try accepting(recovered)
        do throws(VaultClientError) {
            try update { $0.take(recovered) }
        } catch {
            throw error.costing(.spent)
        }
        return outcome
    }

    /// Changes the password: a new enrollment with a new backup key; then the old slot is burnt.
    ///
    /// - Parameter replacing: the vault's live enrollment, where it is not the one that this device knows.
    public mutating func changePassword(
        at link: VaultLink, to password: borrowing Password, choice: EnrollmentChoice = EnrollmentChoice(),
        replacing: EnrollmentID? = nil
    ) async throws(VaultClientError) {
        try await finish(at: link)
        guard let current = state.key, let live = state.enrollment else { throw VaultClientError(.notOnThisDevice) }
        try await enroll(
            at: link, password, choice, key: nextKey(), older: state.olderKeys + [current],
            replaces: replacing ?? live.recipe.enrollment)
        try await burnOldSlots(at: link)
    }

    /// Has the account's slot burnt and its record erased. The backup keys stay on this device.
    public mutating func forget(at link: VaultLink) async throws(VaultClientError) {
        try await finish(at: link)
        guard let live = state.enrollment else { throw VaultClientError(.notOnThisDevice) }
        try update { state in
            state.enrollment = nil
            if let ticket = BurnTicket(live.recipe, limitSeed: live.limitSeed) { state.toBurn.append(ticket) }
        }
        try await burnOldSlots(at: link)
    }

    /// Goes on with what was begun: makes a pending enrollment live, and burns old slots.
    ///
    /// - Returns: what was done.
    @discardableResult
    public mutating func finish(at link: VaultLink) async throws(VaultClientError) -> [Finished] {
        var done: [Finished] = []
        if let pending = state.pending {
            try await complete(pending, through: link)
            done.append(.enrolled(pending.recipe.enrollment))
        }
        return done + (try await burnOldSlots(at: link))
    }

    /// Lets go of an enrollment that cannot be finished. Its password is exposed to as many guesses as its limit.
    public mutating func giveUpPending() throws(VaultClientError) {
        try update { $0.pending = nil }
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
        older: [GenerationKey], replaces: EnrollmentID?
    ) async throws(VaultClientError) {
        var tickets = state.toBurn.filter { !$0.isBurnt && $0.endorsementName == link.vault.endorsementName.bytes }
        if let live = state.enrollment, let ticket = BurnTicket(live.recipe, limitSeed: live.limitSeed) {
            tickets.append(ticket)
        }
        let attempt = EnrollmentAttempt(
            link: link, account: account, choice: choice, generation: key.generation, replaces: replaces)
        let pending = try await attempt.prepare(
            password, backupKey: key.key, riding: RidingKeys(older: older, tickets: tickets))
        // The journal: from here on the same message is repeated, and no other attempt begun.
        do throws(VaultClientError) {
            try update { $0.pending = pending }
        } catch {
            await link.courier.hangUp()
            throw error
        }
        try await complete(pending, through: link)
    }

    /// Step 3, and then the enrollment takes the old one's place, whose slot is now to be burnt. Where the vault refuses,
    /// nothing more can come of it, and what was there before stays.
    private mutating func complete(
        _ pending: PendingEnrollment, through link: VaultLink
    ) async throws(VaultClientError) {
        do throws(VaultClientError) {
            try await pending.commit(through: link)
        } catch {
            if case .exposed(_, .refused) = error.reason { try giveUpPending() }
            throw error
        }
        try update { $0.settle(pending) }
    }

    /// Burns and forgets what `toBurn` lists; each step is written before the next.
    @discardableResult
    private mutating func burnOldSlots(at link: VaultLink) async throws(VaultClientError) -> [Finished] {
        var done: [Finished] = []
        let here = state.toBurn.filter { $0.endorsementName == link.vault.endorsementName.bytes }
        for ticket in here {
            var isBurnt = ticket.isBurnt
            if !isBurnt {
                isBurnt = try await ticket.burn(account, through: link)
                if isBurnt { try update { $0.mark(burnt: ticket.enrollment) } }
            }
            // Also where the slot is gone: the record of it would keep the account from being enrolled again.
            do throws(VaultClientError) {
                try await link.forget(account, ticket.enrollment, unburnt: false)
            } catch {
                guard error.saysThatItIsGone else { throw error }
            }
            try update { state in state.toBurn.removeAll { $0.enrollment == ticket.enrollment } }
            done.append(isBurnt ? .burnt(ticket.enrollment) : .goneByItsClaim(ticket.enrollment))
        }
        return done
    }
}

extension DeviceState {
    mutating func settle(_ pending: PendingEnrollment) {
        use(
            GenerationKey(generation: pending.recipe.generation, key: pending.backupKey), older: pending.riding.older,
            of: LiveEnrollment(recipe: pending.recipe, limitSeed: pending.limitSeed))
        self.pending = nil
    }

    /// Takes what a recovery gave.
    mutating func take(_ recovered: Recovered) {
        use(
            recovered.key, older: recovered.olderKeys,
            of: LiveEnrollment(recipe: recovered.recipe, limitSeed: recovered.limitSeed))
        for ticket in recovered.tickets where !toBurn.contains(where: { $0.enrollment == ticket.enrollment }) {
            toBurn.append(ticket)
        }
        // The vault has just opened it: its last step came through, and only the reply was lost.
        if pending?.recipe.enrollment == recovered.recipe.enrollment { pending = nil }
    }

    /// Another enrollment takes the place of the one in use, whose slot is then to be burnt. Keys of this device that the
    /// new one does not name stay, and the enrollment in use is never one to be burnt.
    private mutating func use(_ key: GenerationKey, older: [GenerationKey], of live: LiveEnrollment) {
        let strays = (olderKeys + [self.key].compactMap { $0 }).filter { mine in
            !([key] + older).contains { $0.key.bytes.isEqual(to: mine.key.bytes) }
        }
        olderKeys = older + strays
        self.key = key
        if let enrollment, let ticket = BurnTicket(enrollment.recipe, limitSeed: enrollment.limitSeed) {
            toBurn.append(ticket)
        }
        enrollment = live
        toBurn.removeAll { $0.enrollment == live.recipe.enrollment }
    }

    mutating func mark(burnt enrollment: EnrollmentID) {
        for index in toBurn.indices where toBurn[index].enrollment == enrollment { toBurn[index].isBurnt = true }
    }
}

extension BurnTicket {
    /// Has the limit key burn the slot, in a session of this device's own; `false` when the vault says that it is gone.
    func burn(_ account: Account, through link: VaultLink) async throws(VaultClientError) -> Bool {
        link.onStep(.burning)
        let size = HashAlgorithm(label: authorityHash)?.size ?? 0
        let authority = try mapping(VaultClientError.Reason.profile) { () throws(ProfileError) in
            try AuthorityProfile(largestDigest: size, endorsementName: link.vault.endorsementName)
        }
        let own = try OwnSlot(
            link: link, account: account, enrollment: enrollment, handle: Handle(slot), authority: authority,
            limitSeed: limitSeed.bytes)
        do throws(VaultClientError) {
            try await own.burn()
            return true
        } catch {
            guard error.saysThatItIsGone else { throw error }
            return false
        }
    }
}

extension VaultLink {
    /// Has the vault undefine the slot and erase the record. Repeated when the reply was lost: the second time the vault
    /// says that there is nothing.
    fileprivate func forget(
        _ account: Account, _ enrollment: EnrollmentID, unburnt: Bool
    ) async throws(VaultClientError) {
        onStep(.forgetting)
        let message = Forget(account: account, enrollment: enrollment, unburnt: unburnt)
        _ = try await courier.repeating { () async throws(VaultClientError) in try await courier.call(message) }
    }
}

extension VaultClientError {
    /// Whether the vault says that there is nothing left of an enrollment.
    fileprivate var saysThatItIsGone: Bool {
        switch reason {
        case .fault(.unknownAccount), .fault(.wrongEnrollment), .fault(.slotGone): true
        default: false
        }
    }
}
