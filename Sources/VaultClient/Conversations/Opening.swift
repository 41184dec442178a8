import OPRF
import Secrets
import TPM
import VaultAPI

/// What a recovery gives back.
public struct Recovered: Sendable {
    /// The backup key, to be compared with the backup's key id before anything is written with it.
    public let key: GenerationKey
    /// Keys of earlier generations.
    public let olderKeys: [GenerationKey]
    public let recipe: Recipe
    /// 32 bytes.
    let confirmation: Bytes
    /// One for each vault whose chip has counted its evaluation.
    public let refunds: [VaultRefund]
    /// The vaults that were of no use, that serve something else, or that lied.
    public let troubles: [Fleet.Missing]
    /// Why the older keys cannot be given, if they cannot.
    public let olderKeysFlaw: BundleFlaw?
    let limitSeed: SharedSecret
    /// Slots that may not be burnt yet.
    let tickets: [BurnTicket]

    /// What became of the guess at one vault.
    public struct VaultRefund: Sendable {
        public let address: String
        public let endorsementName: [UInt8]
        public let refund: Refund

        fileprivate var isGiven: Bool { if case .given = refund { true } else { false } }
    }

    /// What the recovery cost in the end.
    var cost: VaultFault.Guess {
        if case .given = refund, refunds.allSatisfy(\.isGiven) { .notSpent } else { .spent }
    }

    /// What became of the guess: given back by as many vaults as are needed, with the slot that lets the person try least
    /// often among these; or why not.
    public var refund: Refund {
        var given: [SlotCount] = []
        var failed: Refund?
        for one in refunds {
            switch one.refund {
            case .given(let slot): given.append(slot)
            case .failed: failed = failed ?? one.refund
            }
        }
        given.sort { $0.guessesLeft > $1.guessesLeft }
        let needed = Int(recipe.threshold)
        guard given.count >= needed else { return failed ?? .failed(VaultClientError(.evaluationNotProven, .spent)) }
        return .given(given[needed - 1])
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

/// The end of a recovery whose password is right: the bundle from the first vault that gives it, and the guesses back.
struct Opening {
    let account: Account
    let served: ServedRecipe
    let patience: Patience

    struct Opened: Sendable {
        let backupKey: SharedSecret
        let limitSeed: SharedSecret
        let generation: UInt32
    }

    /// - Parameters:
    ///   - right: the vaults whose answers are right.
    ///   - troubles: what is to be told of the others.
    func recovered(
        _ opened: Opened, at right: [Holder], refunds: [Recovered.VaultRefund], troubles: [Fleet.Missing]
    ) -> Recovered {
        let (older, tickets, flaw) = ride(opened.backupKey, right)
        return Recovered(
            key: GenerationKey(generation: opened.generation, key: opened.backupKey), olderKeys: older,
            recipe: served.recipe.recipe, confirmation: served.confirmation, refunds: refunds, troubles: troubles,
            olderKeysFlaw: flaw, limitSeed: opened.limitSeed, tickets: tickets)
    }

    /// What it takes to open one vault's bundle.
    private struct Lid: Sendable {
        let link: VaultLink
        let area: PublicArea
        let openKey: AuthorityKey
        let bundleKey: SharedSecret
    }

    /// The bundle, from the first of the vaults that gives it.
    func open(_ keys: borrowing PasswordKeys, at right: [Holder]) async throws(VaultClientError) -> Opened {
        var lids: [Lid] = []
        var refusal: VaultClientError?
        for holder in right {
            guard let bundle = holder.served?.bundle.bytes else { continue }
            do throws(VaultClientError) {
                let vault = holder.link.vault
                let openKey = try AuthorityKey(scalar: keys.openKey(at: vault.endorsementName, vault.authority))
                lids.append(
                    Lid(
                        link: holder.link, area: try Self.area(bundle, openKey: openKey, vault), openKey: openKey,
                        bundleKey: SharedSecret(keys.bundleKey(at: vault.endorsementName))))
            } catch {
                refusal = refusal ?? error
            }
        }
        let (opening, served) = (lids, served)
        // One gives it as well as another, so the next is asked only where one keeps the person waiting.
        let round = Round<Opened>(
            lids.count, turns: patience.bundle, giveUp: { await opening[$0].link.courier.hangUp() }
        ) { (index) async throws(VaultClientError) in try await Self.open(opening[index], served) }
        let results = await round.answers { $0.values.contains { $0.isSuccess } ? .zero : nil }
        await round.end()
        for index in lids.indices {
            switch results[index] {
            case .success(let opened): return opened
            case .failure(let error): refusal = refusal ?? error
            case nil: break
            }
        }
        throw refusal ?? VaultClientError(.slow)
    }

    private static func open(_ lid: Lid, _ served: ServedRecipe) async throws(VaultClientError) -> Opened {
        let (recipe, name) = (served.recipe, lid.link.vault.endorsementName)
        lid.link.onStep(.opening)
        let encrypted = try await lid.link.openBundle(lid.area, of: recipe.recipe, openKey: lid.openKey)
        do throws(BundleFlaw) {
            let contents = try BundleContents(
                opening: encrypted, key: lid.bundleKey.bytes, context: recipe.context, endorsementName: name,
                generation: recipe.recipe.generation)
            return Opened(
                backupKey: SharedSecret(contents.backupKey.duplicate()),
                limitSeed: SharedSecret(contents.limitSeed.duplicate()), generation: contents.generation)
        } catch {
            throw VaultClientError(.bundle(error))
        }
    }

    /// The bundle's public area, which must be the profile's for this open key before anything is signed over its Name.
    private static func area(
        _ served: [UInt8], openKey: AuthorityKey, _ vault: TrustedVault
    ) throws(VaultClientError) -> PublicArea {
        guard let area = try? PublicArea(tpm2b: served), case .sealed(let unique) = area.body, unique.count == 32,
            area
                == (try? BundleProfile.publicArea(
                    openKey: openKey.point, authority: vault.authority, unique: unique))
        else { throw VaultClientError(.bundle(.publicArea)) }
        return area
    }

    /// The keys that ride along, from the vault that has most of them, and every vault's tickets.
    private func ride(_ backupKey: SharedSecret, _ right: [Holder]) -> ([GenerationKey], [BurnTicket], BundleFlaw?) {
        var (older, tickets): ([GenerationKey], [BurnTicket]) = ([], [])
        var (flaw, isOpen): (BundleFlaw?, Bool) = (nil, false)
        for holder in served.holders {
            let known = right.first { $0.place == holder.place } ?? holder
            guard let sealed = known.served?.olderKeys.bytes else { continue }
            do throws(BundleFlaw) {
                let riding = try RidingKeys(
                    opening: sealed, under: backupKey.bytes, context: served.recipe.context,
                    endorsementName: holder.link.vault.endorsementName)
                isOpen = true
                if riding.older.count > older.count { older = riding.older }
                tickets += riding.tickets
            } catch {
                flaw = flaw ?? error
            }
        }
        return (older, tickets, isOpen ? nil : flaw)
    }

    /// The confirmation verified under a fresh blind, so each chip that counted its right answer spent one count for this person:
    /// its ceiling rises by one, once. A failure does not touch the recovery.
    ///
    /// The attack: a vault answers falsely and counts nothing, and gets a ceiling signed for it. So no other vault gets one.
    func refund(_ limitSeed: SharedSecret, at counted: [Holder]) async -> [Recovered.VaultRefund] {
        let (account, recipe) = (account, served.recipe)
        let round = Round<SlotCount>(counted.count, giveUp: { await counted[$0].link.courier.hangUp() }) {
            (index) async throws(VaultClientError) in
            let (link, entry) = (counted[index].link, counted[index].entry)
            let slot = try OwnSlot(
                link: link, account: account, enrollment: recipe.recipe.enrollment, handle: entry.slot,
                authority: link.vault.authority, limitSeed: limitSeed.bytes)
            return try await slot.raise(
                by: 1, asGrant: false, record: counted[index].served?.ceilingRecord, limit: entry.limit)
        }
        let results = await round.answers { results in
            results.values.count(where: \.isSuccess) >= recipe.threshold ? patience.refund : nil
        }
        await round.end()
        return counted.enumerated().map { index, holder in
            let refund: Recovered.Refund =
                switch results[index] {
                case .success(let slot): .given(slot)
                case .failure(let error): .failed(error)
                case nil: .failed(.connectionLost)
                }
            return Recovered.VaultRefund(
                address: holder.link.address, endorsementName: holder.link.vault.endorsementName.bytes, refund: refund)
        }
    }
}
