import OPRF
import Passwords
import Secrets
import TPM
import VaultAPI

/// How a recovery ended.
public enum RecoverOutcome: Sendable {
    case recovered(Recovered)
    /// The password was wrong, and one guess was spent. What is left is the vault's word: only the right password lets
    /// a device ask the chip itself.
    case wrongPassword(guessesLeft: UInt32)
    /// The chip refuses further guesses; none was spent.
    case lockedOut
}

/// What a recovery gives back.
public struct Recovered: Sendable {
    /// The backup key, to be compared with the backup's key id before anything is written with it.
    public let key: GenerationKey
    /// Keys of earlier generations.
    public let olderKeys: [GenerationKey]
    public let recipe: Recipe
    /// 32 bytes.
    let confirmation: Bytes
    public let refund: Refund
    /// Why the older keys cannot be given, if they cannot.
    public let olderKeysFlaw: BundleFlaw?
    let limitSeed: SharedSecret
    /// Slots that may not be burnt yet.
    let tickets: [BurnTicket]

    /// What the recovery cost in the end.
    var cost: VaultFault.Guess {
        if case .given = refund { .notSpent } else { .spent }
    }

    /// What became of the guess that the recovery spent.
    public enum Refund: Sendable {
        /// It was given back; count and ceiling as the chip proved them.
        case given(SlotCount)
        /// It stays spent; the recovery is not affected.
        case failed(VaultClientError)

        /// Whether it stays spent for certain: a write whose reply was lost may have given it back.
        var stayedSpent: Bool {
            if case .failed(let error) = self { !error.mayHaveArrived } else { false }
        }
    }
}

/// One recovery with one typed password (DESIGN section 6).
struct Recovery {
    let link: VaultLink
    let account: Account
    /// What the header of the backup at hand pins.
    let pinned: PinnedRecipe?

    /// - Parameter onEvaluated: told the enrollment when an evaluation came back, and the count after it by the vault's word.
    func run(
        _ password: borrowing Password, onEvaluated: (EnrollmentID, UInt32) -> Void = { _, _ in }
    ) async throws(VaultClientError) -> RecoverOutcome {
        let served = try await link.lookUp(account)
        let recipe = try CheckedRecipe(served.recipe, for: account, at: link.vault)
        guard served.confirmation.bytes.count == 32 else {
            throw VaultClientError(.recipe(.confirmation(served.confirmation.bytes.count)))
        }
        // The attack: 1. an impostor relays the true recipe, and serves a confirmation that it made from one guess and an
        // evaluation key of its own; 2. what the device does after the evaluation tells it whether the guess was right.
        if let pinned, !pinned.allows(recipe.recipe, confirmation: served.confirmation) {
            throw VaultClientError(.recipe(.notThePinned))
        }
        try Stretching.checkMemory(for: recipe.parameters)

        let blind = try mapping(VaultClientError.Reason.oprf) { () throws(OPRFError) in
            try OPRF.blind(input: password.bytes)
        }
        link.onStep(.evaluating)
        let reply: Evaluate.Reply
        do throws(VaultClientError) {
            reply = try await evaluate(blind.blindedElement, recipe)
        } catch {
            // A reply that was lost before may have been to a guess that was spent: then the error says so.
            guard error.reason == .fault(.lockedOut), error.guess == .notSpent else { throw error }
            return .lockedOut
        }

        // From here on a guess is spent.
        onEvaluated(
            recipe.recipe.enrollment, UInt32(clamping: Int64(served.ceiling) - Int64(reply.guessesLeft)))
        do throws(VaultClientError) {
            let output: SecretBytes
            do throws(OPRFError) {
                let evaluated = try Element(sec1: reply.evaluated.bytes)
                output = try OPRF.finalize(input: password.bytes, blind: blind, evaluated: evaluated)
            } catch {
                throw VaultClientError(.oprf(error))
            }
            let keys = try await PasswordKeys(output: output, recipe: recipe, onStep: link.onStep)

            // The attack: 1. an impostor answers with its own evaluation key; 2. the device signs with the open key
            // that follows; 3. the impostor searches the password offline against the signature. So nothing that
            // depends on the password leaves this device before this line, and one typed password is checked once.
            guard keys.confirmation.isEqual(to: SecretBytes(copying: served.confirmation.bytes.span)) else {
                return .wrongPassword(guessesLeft: reply.guessesLeft)
            }
            return .recovered(try await open(keys, recipe, served))
        } catch {
            throw error.costing(.spent)
        }
    }

    /// Has the blinded element evaluated; a lost reply is asked for again with the same element, which costs nothing.
    private func evaluate(_ blinded: Element, _ recipe: CheckedRecipe) async throws(VaultClientError) -> Evaluate.Reply
    {
        let message = Evaluate(
            account: account, enrollment: recipe.recipe.enrollment, blinded: Bytes(blinded.sec1))
        let courier = link.courier
        return try await courier.repeating(costIfLost: .maybeSpent) { () async throws(VaultClientError) in
            try await courier.call(message)
        }
    }

    /// The password is right: opens the bundle and gives the guess back.
    private func open(
        _ keys: borrowing PasswordKeys, _ recipe: CheckedRecipe, _ served: LookUp.Reply
    ) async throws(VaultClientError) -> Recovered {
        link.onStep(.opening)
        let openKey = try AuthorityKey(scalar: keys.openKey(link.vault.authority))
        let area = try bundleArea(served.bundle.bytes, openKey: openKey)
        let encrypted = try await link.openBundle(area, of: recipe.recipe, openKey: openKey)
        let contents: BundleContents
        do throws(BundleFlaw) {
            contents = try BundleContents(
                opening: encrypted, key: keys.bundleKey, context: recipe.context,
                endorsementName: link.vault.endorsementName, generation: recipe.recipe.generation)
        } catch {
            throw VaultClientError(.bundle(error))
        }
        let (riding, flaw) = ride(served.olderKeys.bytes, contents.backupKey, recipe)
        let refund = await refund(contents.limitSeed, recipe, served.ceilingRecord)
        return Recovered(
            key: GenerationKey(
                generation: contents.generation, key: SharedSecret(contents.backupKey.duplicate())),
            olderKeys: riding.older, recipe: recipe.recipe, confirmation: served.confirmation, refund: refund,
            olderKeysFlaw: flaw,
            limitSeed: SharedSecret(contents.limitSeed.duplicate()), tickets: riding.tickets)
    }

    /// The bundle's public area, which must be the profile's for this open key before anything is signed over its Name.
    private func bundleArea(_ served: [UInt8], openKey: AuthorityKey) throws(VaultClientError) -> PublicArea {
        guard let area = try? PublicArea(tpm2b: served), case .sealed(let unique) = area.body, unique.count == 32,
            area
                == (try? BundleProfile.publicArea(
                    openKey: openKey.point, authority: link.vault.authority, unique: unique))
        else { throw VaultClientError(.bundle(.publicArea)) }
        return area
    }

    private func ride(
        _ served: [UInt8], _ backupKey: borrowing SecretBytes, _ recipe: CheckedRecipe
    ) -> (RidingKeys, BundleFlaw?) {
        do throws(BundleFlaw) {
            let riding = try RidingKeys(
                opening: served, under: backupKey, context: recipe.context,
                endorsementName: link.vault.endorsementName)
            return (riding, nil)
        } catch {
            return (RidingKeys(older: [], tickets: []), error)
        }
    }

    /// The confirmation verified under a fresh blind, so the chip spent one count for this person: the ceiling rises by
    /// one, once. A failure does not touch the recovery.
    private func refund(
        _ limitSeed: borrowing SecretBytes, _ recipe: CheckedRecipe, _ record: CeilingRecord?
    ) async -> Recovered.Refund {
        do throws(VaultClientError) {
            let slot = try OwnSlot(
                link: link, account: account, enrollment: recipe.recipe.enrollment, handle: recipe.vault.slot,
                authority: link.vault.authority, limitSeed: limitSeed)
            return .given(
                try await slot.raise(by: 1, asGrant: false, record: record, limit: recipe.vault.limit))
        } catch {
            return .failed(error)
        }
    }
}
