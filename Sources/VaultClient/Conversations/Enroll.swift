import OPRF
import Passwords
import Secrets
import TPM
import VaultAPI

/// What the person chose for a new enrollment.
public struct EnrollmentChoice: Hashable, Sendable {
    /// How many guesses anyone has, 1 to 1000.
    public var limit: UInt32
    /// The work of one try: always this device's own choice, never a served recipe's.
    public var parameters: Argon2id.Parameters

    public init(limit: UInt32 = 10, parameters: Argon2id.Parameters = .standard) {
        self.limit = limit
        self.parameters = parameters
    }
}

/// An enrollment whose last step is to be sent, or was: all that it takes to send it again and to see it work.
public struct PendingEnrollment: Sendable {
    /// Step 3. A repetition changes nothing.
    let commit: Commit
    /// The encrypted bundle, as the chip should give it back.
    let bundle: [UInt8]
    let openKey: SharedSecret
    let backupKey: SharedSecret
    let limitSeed: SharedSecret
    let riding: RidingKeys

    public var recipe: Recipe { commit.recipe }
    /// How many guesses it gives.
    public var limit: UInt32 { commit.recipe.vaults.first?.limit ?? 0 }
}

/// Steps 1 and 2 of an enrollment (DESIGN section 6), up to the message of step 3.
///
/// Everything in an attempt is fresh: enrollment id, limit seed, evaluation key. If anything fails, all of it is thrown
/// away, and the conversation is ended so that the vault does the same.
struct EnrollmentAttempt {
    let link: VaultLink
    let account: Account
    let choice: EnrollmentChoice
    /// Counts the person's backup keys from 1.
    let generation: UInt32
    let replaces: EnrollmentID?

    /// - Parameters:
    ///   - backupKey: the key to keep; 32 bytes.
    ///   - riding: what rides along under it.
    func prepare(
        _ password: borrowing Password, backupKey: SharedSecret, riding: RidingKeys
    ) async throws(VaultClientError) -> PendingEnrollment {
        guard SlotProfile.limits.contains(choice.limit) else { throw VaultClientError(.profile(.limit(choice.limit))) }
        try Stretching.checkMemory(for: choice.parameters)
        do throws(VaultClientError) {
            return try await run(password, backupKey: backupKey, riding: riding)
        } catch {
            await link.courier.hangUp()
            throw error
        }
    }

    private func run(
        _ password: borrowing Password, backupKey: SharedSecret, riding: RidingKeys
    ) async throws(VaultClientError) -> PendingEnrollment {
        // A conversation of its own: the one before may have grown old while the person typed.
        await link.courier.hangUp()
        let conversation = try await link.courier.converse()
        let firstWrite = FirstWrite(in: conversation)
        guard let enrollment = EnrollmentID(SecretBytes(random: 16).published) else {
            throw VaultClientError(.profile(.unusableKey))
        }
        let limitSeed = SharedSecret(SecretBytes(random: 32))
        let evaluationKey = Scalar.random()

        link.onStep(.reserving)
        let handle = try await link.courier.call(
            Reserve(account: account, enrollment: enrollment, replaces: replaces), in: conversation
        ).slot
        let slot = try OwnSlot(
            link: link, account: account, enrollment: enrollment, handle: Handle(handle),
            authority: link.vault.authority, limitSeed: limitSeed.bytes)
        let evaluationArea = try Self.area(of: evaluationKey, for: slot.profile)
        let recipe = recipe(enrollment: enrollment, handle: handle, evaluationKey: evaluationArea.name)

        // Before the slot is defined: a device that fails here leaves less behind.
        let pending = try await lastStep(
            recipe, password, evaluationKey: evaluationKey, backupKey: backupKey, limitSeed: limitSeed, riding: riding)

        try await define(slot, evaluationKey, evaluationArea, firstWrite, in: conversation)
        return pending
    }

    private static func area(
        of evaluationKey: borrowing Scalar, for slot: SlotProfile
    ) throws(VaultClientError) -> PublicArea {
        let element = try mapping(VaultClientError.Reason.oprf) { () throws(OPRFError) in
            try evaluationKey.publicKey()
        }
        return try mapping(VaultClientError.Reason.wire) { () throws(WireError) in
            EvaluationKeyProfile.publicArea(try P256Point(x: element.x, y: element.y), slot: slot)
        }
    }

    private func recipe(enrollment: EnrollmentID, handle: UInt32, evaluationKey: Name) -> Recipe {
        Recipe(
            account: account, enrollment: enrollment, generation: generation,
            memory: choice.parameters.memoryKiB, passes: choice.parameters.passes,
            vaults: [
                Recipe.Entry(
                    endorsementName: Bytes(link.vault.endorsementName.bytes),
                    parentName: Bytes(link.vault.parent.name.bytes), authorityHash: link.vault.authority.hash.label,
                    slot: handle, limit: choice.limit, evaluationKeyName: Bytes(evaluationKey.bytes))
            ])
    }

    /// The message of step 3, from an evaluation that the device makes itself.
    private func lastStep(
        _ recipe: Recipe, _ password: borrowing Password, evaluationKey: borrowing Scalar, backupKey: SharedSecret,
        limitSeed: SharedSecret, riding: RidingKeys
    ) async throws(VaultClientError) -> PendingEnrollment {
        let checked = try CheckedRecipe(recipe, for: account, at: link.vault)
        let output: SecretBytes
        do throws(OPRFError) {
            let blind = try OPRF.blind(input: password.bytes)
            let evaluated = try OPRF.evaluate(key: evaluationKey, blinded: blind.blindedElement)
            output = try OPRF.finalize(input: password.bytes, blind: blind, evaluated: evaluated)
        } catch {
            throw VaultClientError(.oprf(error))
        }
        let keys = try await PasswordKeys(output: output, recipe: checked, onStep: link.onStep)
        let openScalar = try keys.openKey(link.vault.authority)
        let openKey = try AuthorityKey(scalar: openScalar)
        let contents = BundleContents(
            backupKey: backupKey.bytes.duplicate(), limitSeed: limitSeed.bytes.duplicate(), generation: generation)
        let bundle = contents.encrypted(
            key: keys.bundleKey, context: checked.context, endorsementName: link.vault.endorsementName)
        let sealed = try SealedBundle(bundle, openKey: openKey.point, vault: link.vault)
        let commit = Commit(
            recipe: recipe, confirmation: Bytes(keys.confirmation.published),
            openKey: Bytes(link.vault.authority.publicArea(openKey.point).tpm2b),
            bundle: SealedObject(sealed.area, sealed.sealed),
            olderKeys: Bytes(try riding.encrypted(under: backupKey.bytes, context: checked.context)))
        return PendingEnrollment(
            commit: commit, bundle: bundle, openKey: SharedSecret(openScalar), backupKey: backupKey,
            limitSeed: limitSeed, riding: riding)
    }

    /// Step 2: the slot defined, armed, and its evaluation key seen to be there, to work, and to be counted.
    private func define(
        _ slot: borrowing OwnSlot, _ evaluationKey: borrowing Scalar, _ area: PublicArea,
        _ firstWrite: consuming FirstWrite, in conversation: Int
    ) async throws(VaultClientError) {
        link.onStep(.defining)
        let sealed: Sealed
        do throws(WireError) {
            sealed = try Sealed(Sensitive(privateKey: evaluationKey.bigEndian), of: area, to: link.vault.parent)
        } catch {
            throw VaultClientError(.wire(error))
        }
        _ = try await link.courier.call(
            Define(
                account: account, enrollment: slot.enrollment, limitKey: Bytes(slot.limitKeyArea.tpm2b),
                slot: Bytes(slot.profile.publicArea(written: false).tpm2b), evaluationKey: SealedObject(area, sealed)),
            in: conversation)
        try await firstWrite.perform(on: slot, limit: choice.limit)

        link.onStep(.evaluating)
        let (point, product) = try Self.randomPoint(times: evaluationKey)
        let reply = try await link.courier.call(
            Evaluate(account: account, enrollment: slot.enrollment, blinded: Bytes(point.sec1)), in: conversation)
        guard reply.evaluated.bytes == product.sec1 else { throw VaultClientError(.evaluationNotCounted) }
        let limit = choice.limit
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
