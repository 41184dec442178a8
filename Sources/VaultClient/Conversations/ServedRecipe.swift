import TPM
import VaultAPI

/// A vault whose share may be asked for, and what it serves.
struct Holder: Sendable {
    /// Its place in the fleet.
    let place: Int
    let link: VaultLink
    let entry: CheckedRecipe.Entry
    /// What it serves of this enrollment; `nil` where it serves another one, or nothing yet. Its share may be there all the
    /// same.
    var served: LookUp.Reply?
}

/// The recipe that is followed, and who may be asked for an evaluation.
struct ServedRecipe: Sendable {
    typealias LookUps = Round<LookUp.Reply>

    let recipe: CheckedRecipe
    /// 32 bytes; served together with the recipe by as many vaults.
    let confirmation: Bytes
    let holders: [Holder]
    /// The others, and why.
    let others: [Fleet.Missing]

    private struct Offer: Hashable {
        let recipe: Recipe
        let confirmation: Bytes

        init(_ reply: LookUp.Reply) {
            recipe = reply.recipe
            confirmation = reply.confirmation
        }
    }

    /// Looks the account up everywhere at once.
    static func lookUps(_ account: Account, at fleet: Fleet, pinned: PinnedRecipe?) -> LookUps {
        LookUps(fleet.links) { (link) async throws(VaultClientError) in
            let reply = try await link.lookUp(account)
            guard reply.confirmation.bytes.count == 32 else {
                throw VaultClientError(.recipe(.confirmation(reply.confirmation.bytes.count)))
            }
            _ = try CheckedRecipe(reply.recipe, for: account).entry(at: link.vault)
            // The attack: 1. an impostor relays the true recipe, and serves a confirmation that it made from one guess and
            // an evaluation key of its own; 2. what the device does after the evaluation tells it whether the guess was
            // right.
            if let pinned, !pinned.allows(reply.recipe, confirmation: reply.confirmation) {
                throw VaultClientError(.recipe(.notThePinned))
            }
            return reply
        }
    }

    /// Goes on as soon as enough vaults serve the same, and the others could not outvote them.
    ///
    /// The attack: 1. two of five vaults, of which three are needed, serve a recipe of their own that is content with two; 2.
    /// they answer first; 3. every password typed is a guess for them. So where those who agree are not the most of all that
    /// could still answer, the others are waited for.
    init(
        _ lookUps: LookUps, _ account: Account, at fleet: Fleet, pinned: PinnedRecipe?
    ) async throws(VaultClientError) {
        let answers = await lookUps.answers { answers in
            guard let offer = Self.agreed(answers, of: fleet, pinned) else { return nil }
            let count = Self.offers(answers)[offer] ?? 0
            let others = Self.offers(answers).values.reduce(0, +) - count + fleet.links.count - answers.count
            return count > others || pinned?.confirmation != nil ? fleet.patience.lookUp : fleet.patience.doubt
        }
        guard let offer = Self.agreed(answers, of: fleet, pinned) else { throw Self.refusal(answers, of: fleet) }
        let recipe = try CheckedRecipe(offer.recipe, for: account)
        var holders: [Holder] = []
        var others = fleet.missing
        for (place, link) in fleet.links.enumerated() {
            let served = (try? answers[place]?.get()).flatMap { Offer($0) == offer ? $0 : nil }
            do throws(VaultClientError) {
                holders.append(
                    Holder(place: place, link: link, entry: try recipe.entry(at: link.vault), served: served))
                if served == nil { throw Self.error(answers[place]) }
            } catch {
                others.append(Fleet.Missing(address: link.address, error: error))
            }
        }
        self.recipe = recipe
        confirmation = offer.confirmation
        self.holders = holders
        self.others = others
    }

    /// What the vault of `holder` serves of this enrollment, which is waited for where it has not answered yet.
    func reply(of holder: Holder, _ lookUps: LookUps) async -> LookUp.Reply? {
        if let served = holder.served { return served }
        guard case .success(let reply) = await lookUps.answer(of: holder.place), reply.recipe == recipe.recipe,
            reply.confirmation == confirmation
        else { return nil }
        return reply
    }

    /// The recipe that enough vaults serve, with the same confirmation.
    ///
    /// The attack: 1. one of several vaults serves a recipe that names itself alone, with a key and a confirmation of its own;
    /// 2. every password typed is a guess for it. So a recipe counts only when as many vaults as it needs serve it, names at
    /// least as many vaults as the person did, and never is content with one of several; or when the backup at hand pins it
    /// and its confirmation: then one vault is enough to serve them, for it cannot choose them.
    private static func agreed(
        _ answers: LookUps.Results, of fleet: Fleet, _ pinned: PinnedRecipe?
    ) -> Offer? {
        // Vaults that know nothing of the account do not count as named.
        let strangers = answers.values.count { $0.failure?.reason == .fault(.unknownAccount) }
        // Most of those who answer must say the same. The attack: as at `init`, where those who agree are as many as the honest.
        let offers = offers(answers)
        guard let (offer, count) = offers.max(by: { $0.value < $1.value }),
            offers.allSatisfy({ $0.key == offer || $0.value < count })
        else { return nil }
        // A pin without the confirmation leaves that to be agreed upon.
        if pinned?.confirmation != nil { return offer }
        let isWhole = pinned != nil || offer.recipe.vaults.count >= fleet.count - strangers
        return count >= offer.recipe.threshold && isWhole ? offer : nil
    }

    /// How many vaults serve each.
    private static func offers(_ answers: LookUps.Results) -> [Offer: Int] {
        var counts: [Offer: Int] = [:]
        for answer in answers.values { if case .success(let reply) = answer { counts[Offer(reply), default: 0] += 1 } }
        return counts
    }

    /// Why no recipe is followed. One vault alone has its own reason.
    private static func refusal(_ answers: LookUps.Results, of fleet: Fleet) -> VaultClientError {
        var reasons = fleet.missing
        var needed: Int?
        for (index, link) in fleet.links.enumerated() {
            let error: VaultClientError?
            switch answers[index] {
            case .success(let reply):
                needed = max(needed ?? 0, Int(reply.recipe.threshold))
                let flaw = Self.flaw(of: reply.recipe, named: fleet.count, isAlone: offers(answers).count == 1)
                error = flaw.map { VaultClientError(.recipe($0)) }
            case .failure(let failure): error = failure
            case nil: error = VaultClientError(.slow)
            }
            if let error { reasons.append(Fleet.Missing(address: link.address, error: error)) }
        }
        // Where all of them say the same, it is not a matter of how many.
        if needed == nil, let first = reasons.first?.error, reasons.allSatisfy({ $0.error == first }) { return first }
        return VaultClientError(.tooFew(needed: needed, reasons))
    }

    /// What is the matter with a recipe that is not followed; nothing, where only too few vaults serve it.
    private static func flaw(of recipe: Recipe, named count: Int, isAlone: Bool) -> RecipeFlaw? {
        let vaults = recipe.vaults.count
        if vaults < count { return .fewerThanNamed(vaults) }
        if vaults > count { return .moreThanNamed(vaults) }
        return isAlone ? nil : .notTheOthers
    }

    private static func error(_ answer: LookUps.Result?) -> VaultClientError {
        switch answer {
        case .success: VaultClientError(.recipe(.notTheOthers))
        case .failure(let error): error
        case nil: VaultClientError(.slow)
        }
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
