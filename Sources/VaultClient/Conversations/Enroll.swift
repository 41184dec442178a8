import OPRF
import Passwords
import Secrets
import TPM
import VaultAPI

/// What the person chose for a new enrollment.
public struct EnrollmentChoice: Hashable, Sendable {
    /// How many evaluations each vault allows, 1 to 1000; of one vault, how many guesses anyone has.
    public var limit: UInt32
    /// How many of the vaults are needed.
    public var threshold: UInt32
    /// The work of one try: always this device's own choice, never a served recipe's.
    public var parameters: Argon2id.Parameters

    public init(limit: UInt32 = 10, threshold: UInt32 = 1, parameters: Argon2id.Parameters = .standard) {
        self.limit = limit
        self.threshold = threshold
        self.parameters = parameters
    }
}

/// An enrollment whose last step is to be sent, or was: all that it takes to send it again and to see it work.
public struct PendingEnrollment: Sendable {
    public let recipe: Recipe
    /// One for each vault, in the recipe's order.
    var shares: [Share]
    let backupKey: SharedSecret
    let limitSeed: SharedSecret
    /// The keys that ride along under the new one.
    let older: [GenerationKey]

    /// What one vault is to take.
    struct Share: Sendable {
        /// Step 3. A repetition changes nothing.
        let commit: Commit
        /// The encrypted bundle, as the chip should give it back.
        let bundle: [UInt8]
        let openKey: SharedSecret
        /// The slots of this vault that may not be burnt yet.
        let tickets: [BurnTicket]
        /// Whether this vault has confirmed it, and given its bundle back once.
        var isLive = false
    }

    /// Whether as many vaults as are needed have confirmed their shares.
    var holds: Bool { shares.count(where: \.isLive) >= Int(recipe.threshold) }

    /// How many guesses it gives to who runs all its vaults.
    public var limit: UInt32 { recipe.guesses }
}

/// Steps 1 and 2 of an enrollment at every vault, up to the messages of step 3.
///
/// Everything in an attempt is fresh: enrollment id, limit seed, OPRF key and its polynomial. If anything fails at any
/// vault, all of it is thrown away, and every vault is told to do the same.
struct EnrollmentAttempt {
    /// In the recipe's order: the first one's share lies at x = 1.
    let seats: [Seat]
    let account: Account
    let choice: EnrollmentChoice
    /// Counts the person's backup keys from 1.
    let generation: UInt32

    /// One of the vaults, and what is there now.
    struct Seat: Sendable {
        let link: VaultLink
        let replaces: EnrollmentID?
        /// Slots of this vault that are not burnt yet.
        let tickets: [BurnTicket]
    }

    /// Where one vault's share is to go.
    private struct Place: Sendable {
        let seat: Seat
        /// The conversation in which the slot was reserved.
        let conversation: Int
        let handle: Handle
    }

    /// One vault's share of the OPRF key, and the object that it becomes.
    private struct Dealt: Sendable {
        let place: Place
        let share: SharedSecret
        let area: PublicArea
    }

    /// - Parameters:
    ///   - backupKey: the key to keep; 32 bytes.
    ///   - older: the keys that ride along under it.
    func prepare(
        _ password: borrowing Password, backupKey: SharedSecret, older: [GenerationKey]
    ) async throws(VaultClientError) -> PendingEnrollment {
        guard SlotProfile.limits.contains(choice.limit) else { throw VaultClientError(.profile(.limit(choice.limit))) }
        try Stretching.checkMemory(for: choice.parameters)
        guard let enrollment = EnrollmentID(SecretBytes(random: 16).published) else {
            throw VaultClientError(.profile(.unusableKey))
        }
        let places: [Place]
        do throws(VaultClientError) {
            places = try await reserve(enrollment)
        } catch {
            // What is reserved goes with the conversation.
            for seat in seats { await seat.link.courier.hangUp() }
            throw error
        }
        do throws(VaultClientError) {
            return try await run(password, enrollment, at: places, backupKey: backupKey, older: older)
        } catch {
            await throwAway(enrollment)
            throw error
        }
    }

    private func run(
        _ password: borrowing Password, _ enrollment: EnrollmentID, at places: [Place], backupKey: SharedSecret,
        older: [GenerationKey]
    ) async throws(VaultClientError) -> PendingEnrollment {
        let limitSeed = SharedSecret(SecretBytes(random: 32))
        let (output, shares) = try deal(password)
        var dealt: [Dealt] = []
        for (place, share) in zip(places, shares) {
            let slot = try own(place, enrollment, limitSeed)
            dealt.append(Dealt(place: place, share: share, area: try Self.area(of: share, for: slot.profile)))
        }
        let recipe = recipe(enrollment, dealt)

        // Before the slots are defined: a device that fails here leaves less behind.
        let pending = try await lastStep(
            recipe, output.bytes, backupKey: backupKey, limitSeed: limitSeed, older: older)

        // Every vault is armed, and has shown that it evaluates and counts, before any of them gets step 3.
        let ready = dealt
        try await atEach(seats.map(\.link)) { [self] (index) async throws(VaultClientError) in
            let slot = try own(ready[index].place, enrollment, limitSeed)
            try await Self.arm(slot, ready[index], limit: choice.limit, at: seats[index].link)
        }
        return pending
    }

    /// Does the same with every vault at once. The first failure ends it at all of them.
    @discardableResult
    private func atEach<R: Sendable>(
        _ links: [VaultLink], _ body: @escaping @Sendable (Int) async throws(VaultClientError) -> R
    ) async throws(VaultClientError) -> [R] {
        let round = Round<R>(links.count, giveUp: { await links[$0].courier.hangUp() }, ask: body)
        switch await round.all() {
        case .success(let results): return results
        case .failure(let failure):
            throw links.count == 1 ? failure.error : failure.error.at(links[failure.index].address)
        }
    }

    /// Ends the conversations, and with them what is half made; of what is armed the vault would keep the slot for days.
    private func throwAway(_ enrollment: EnrollmentID) async {
        let (account, links) = (account, seats.map(\.link))
        for link in links { await link.courier.hangUp() }
        let round = Round<Done>(links) { (link) async throws(VaultClientError) in
            let forget = Forget(account: account, enrollment: enrollment, unburnt: true)
            return try await link.courier.call(forget, in: try await link.courier.converse())
        }
        // It is a courtesy: whoever does not answer at once removes the slot later.
        _ = await round.answers { _ in .seconds(2) }
        await round.end()
        for link in links { await link.courier.hangUp() }
    }

    private func reserve(_ enrollment: EnrollmentID) async throws(VaultClientError) -> [Place] {
        let (seats, account) = (seats, account)
        return try await atEach(seats.map(\.link)) { (index) async throws(VaultClientError) in
            let (seat, courier) = (seats[index], seats[index].link.courier)
            // A conversation of its own: the one before may have grown old while the person typed.
            await courier.hangUp()
            let conversation = try await courier.converse()
            seat.link.onStep(.reserving)
            let reply = try await courier.call(
                Reserve(account: account, enrollment: enrollment, replaces: seat.replaces), in: conversation)
            return Place(seat: seat, conversation: conversation, handle: Handle(reply.slot))
        }
    }

    /// Makes the OPRF key, evaluates the password with it and deals its shares. Key and polynomial end here: nobody has them
    /// afterwards, and no second polynomial can ever be laid through the same key.
    private func deal(
        _ password: borrowing Password
    ) throws(VaultClientError) -> (output: SharedSecret, shares: [SharedSecret]) {
        do throws(OPRFError) {
            let key = Scalar.random()
            let blind = try OPRF.blind(input: password.bytes)
            let evaluated = try OPRF.evaluate(key: key, blinded: blind.blindedElement)
            let output = try OPRF.finalize(input: password.bytes, blind: blind, evaluated: evaluated)
            let polynomial = try SharingPolynomial(secret: key, threshold: Int(choice.threshold))
            var shares: [SharedSecret] = []
            for x in 1...seats.count {
                shares.append(SharedSecret(try polynomial.share(at: x).bigEndian.duplicate()))
            }
            return (SharedSecret(output), shares)
        } catch {
            throw VaultClientError(.oprf(error))
        }
    }

    private func own(
        _ place: Place, _ enrollment: EnrollmentID, _ limitSeed: SharedSecret
    ) throws(VaultClientError) -> OwnSlot {
        try OwnSlot(
            link: place.seat.link, account: account, enrollment: enrollment, handle: place.handle,
            authority: place.seat.link.vault.authority, limitSeed: limitSeed.bytes)
    }

    private static func scalar(_ share: SharedSecret) throws(VaultClientError) -> Scalar {
        guard let scalar = Scalar(bigEndian: share.bytes.duplicate()) else {
            throw VaultClientError(.oprf(.notASharing(.zero)))
        }
        return scalar
    }

    private static func area(of share: SharedSecret, for slot: SlotProfile) throws(VaultClientError) -> PublicArea {
        let key = try scalar(share)
        let element = try mapping(VaultClientError.Reason.oprf) { () throws(OPRFError) in try key.publicKey() }
        return try mapping(VaultClientError.Reason.wire) { () throws(WireError) in
            EvaluationKeyProfile.publicArea(try P256Point(x: element.x, y: element.y), slot: slot)
        }
    }

    private func recipe(_ enrollment: EnrollmentID, _ dealt: [Dealt]) -> Recipe {
        Recipe(
            account: account, enrollment: enrollment, generation: generation, threshold: choice.threshold,
            memory: choice.parameters.memoryKiB, passes: choice.parameters.passes,
            vaults: dealt.map { dealt in
                let vault = dealt.place.seat.link.vault
                return Recipe.Entry(
                    endorsementName: Bytes(vault.endorsementName.bytes), parentName: Bytes(vault.parent.name.bytes),
                    authorityHash: vault.authority.hash.label, slot: dealt.place.handle.rawValue, limit: choice.limit,
                    evaluationKeyName: Bytes(dealt.area.name.bytes))
            })
    }

    /// The messages of step 3, from the evaluation that the device made itself. The same backup key is in every bundle, each
    /// of which is for its own vault alone.
    private func lastStep(
        _ recipe: Recipe, _ output: borrowing SecretBytes, backupKey: SharedSecret, limitSeed: SharedSecret,
        older: [GenerationKey]
    ) async throws(VaultClientError) -> PendingEnrollment {
        let checked = try CheckedRecipe(recipe, for: account)
        let keys = try await PasswordKeys(output: output, recipe: checked) { seats.first?.link.onStep($0) }
        var shares: [PendingEnrollment.Share] = []
        for seat in seats {
            let vault = seat.link.vault
            let openScalar = try keys.openKey(at: vault.endorsementName, vault.authority)
            let openKey = try AuthorityKey(scalar: openScalar)
            let contents = BundleContents(
                backupKey: backupKey.bytes.duplicate(), limitSeed: limitSeed.bytes.duplicate(), generation: generation)
            let bundle = contents.encrypted(
                key: keys.bundleKey(at: vault.endorsementName), context: checked.context,
                endorsementName: vault.endorsementName)
            let sealed = try SealedBundle(bundle, openKey: openKey.point, vault: vault)
            let riding = RidingKeys(older: older, tickets: seat.tickets)
            let commit = Commit(
                recipe: recipe, confirmation: Bytes(keys.confirmation.published),
                openKey: Bytes(vault.authority.publicArea(openKey.point).tpm2b),
                bundle: SealedObject(sealed.area, sealed.sealed),
                olderKeys: Bytes(try riding.encrypted(under: backupKey.bytes, context: checked.context)))
            shares.append(
                PendingEnrollment.Share(
                    commit: commit, bundle: bundle, openKey: SharedSecret(openScalar), tickets: seat.tickets))
        }
        return PendingEnrollment(
            recipe: recipe, shares: shares, backupKey: backupKey, limitSeed: limitSeed, older: older)
    }

    /// Step 2 at one vault: the slot defined, armed, and its evaluation key seen to be there, to work, and to be counted.
    private static func arm(
        _ slot: borrowing OwnSlot, _ dealt: Dealt, limit: UInt32, at link: VaultLink
    ) async throws(VaultClientError) {
        let firstWrite = FirstWrite(in: dealt.place.conversation)
        let (account, enrollment, conversation) = (slot.account, slot.enrollment, dealt.place.conversation)
        let evaluationKey = try scalar(dealt.share)
        link.onStep(.defining)
        let sealed: Sealed
        do throws(WireError) {
            sealed = try Sealed(Sensitive(privateKey: evaluationKey.bigEndian), of: dealt.area, to: link.vault.parent)
        } catch {
            throw VaultClientError(.wire(error))
        }
        _ = try await link.courier.call(
            Define(
                account: account, enrollment: enrollment, limitKey: Bytes(slot.limitKeyArea.tpm2b),
                slot: Bytes(slot.profile.publicArea(written: false).tpm2b),
                evaluationKey: SealedObject(dealt.area, sealed)),
            in: conversation)
        try await firstWrite.perform(on: slot, limit: limit)

        link.onStep(.evaluating)
        let (point, product) = try randomPoint(times: evaluationKey)
        let reply = try await link.courier.call(
            Evaluate(account: account, enrollment: enrollment, blinded: Bytes(point.sec1)), in: conversation)
        guard reply.evaluated.bytes == product.sec1 else { throw VaultClientError(.evaluationNotCounted) }
        _ = try await slot.raise { (seen) throws(VaultClientError) in
            // Exactly this one: a count of 0 means a chip that does not count, a higher one that somebody was here before.
            guard seen == SlotCount(count: 1, ceiling: limit) else { throw VaultClientError(.evaluationNotCounted) }
            return OwnSlot.Raise(ceiling: limit + 1, granted: 0)
        }
    }

    private static func randomPoint(
        times key: borrowing Scalar
    ) throws(VaultClientError) -> (point: Element, product: Element) {
        do throws(OPRFError) {
            let point = try Scalar.random().publicKey()
            return (point, try point.times(key))
        } catch {
            throw VaultClientError(.oprf(error))
        }
    }
}
