import TPM
import VaultAPI

/// A vault whose share may be asked for, and what it serves.
struct Holder: Sendable {
    let link: VaultLink
    let entry: CheckedRecipe.Entry
    /// What it serves of this enrollment; `nil` where it serves another one, or nothing. Its share may be there all the same.
    let served: LookUp.Reply?
}

/// The recipe that is followed, and who may be asked for an evaluation.
struct ServedRecipe: Sendable {
    let recipe: CheckedRecipe
    /// 32 bytes; served together with the recipe by as many vaults.
    let confirmation: Bytes
    let holders: [Holder]
    /// The others, and why.
    let others: [Fleet.Missing]

    fileprivate struct Offer: Hashable {
        let recipe: Recipe
        let confirmation: Bytes

        init(_ reply: LookUp.Reply) {
            recipe = reply.recipe
            confirmation = reply.confirmation
        }
    }

    /// Looks the account up everywhere, and goes on as soon as enough vaults serve the same.
    static func lookUp(
        _ account: Account, at fleet: Fleet, pinned: PinnedRecipe?
    ) async throws(VaultClientError) -> ServedRecipe {
        let round = Round<LookUp.Reply>(fleet.links) { (link) async throws(VaultClientError) in
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
        let answers = await round.answers(grace: Recovery.grace) { answers in
            agreed(answers, of: fleet, pinned) != nil
        }
        await round.end()
        guard let offer = agreed(answers, of: fleet, pinned) else {
            throw refusal(answers, of: fleet)
        }
        let recipe = try CheckedRecipe(offer.recipe, for: account)
        var holders: [Holder] = []
        var others = fleet.missing
        for (index, link) in fleet.links.enumerated() {
            let served = (try? answers[index]?.get()).flatMap { Offer($0) == offer ? $0 : nil }
            do throws(VaultClientError) {
                holders.append(Holder(link: link, entry: try recipe.entry(at: link.vault), served: served))
                if served == nil { throw error(answers[index]) }
            } catch {
                others.append(Fleet.Missing(address: link.address, error: error))
            }
        }
        return ServedRecipe(recipe: recipe, confirmation: offer.confirmation, holders: holders, others: others)
    }

    /// The recipe that enough vaults serve, with the same confirmation.
    ///
    /// The attack: 1. one of several vaults serves a recipe that names itself alone, with a key and a confirmation of its own;
    /// 2. every password typed is a guess for it. So a recipe counts only when as many vaults as it needs serve it, names at
    /// least as many vaults as the person did, and never is content with one of several; or when the backup at hand pins it
    /// and its confirmation: then one vault is enough to serve them, for it cannot choose them.
    private static func agreed(
        _ answers: [Int: Round<LookUp.Reply>.Result], of fleet: Fleet, _ pinned: PinnedRecipe?
    ) -> Offer? {
        // Vaults that know nothing of the account do not count as named.
        let strangers = answers.values.count { $0.failure?.reason == .fault(.unknownAccount) }
        var counts: [Offer: Int] = [:]
        for answer in answers.values { if case .success(let reply) = answer { counts[Offer(reply), default: 0] += 1 } }
        let fit = counts.filter { offer, count in
            // A pin without the confirmation leaves that to be agreed upon.
            pinned?.confirmation != nil
                || (count >= offer.recipe.threshold
                    && (pinned != nil || offer.recipe.vaults.count >= fleet.count - strangers))
        }
        // Liars that are many enough for a smaller recipe of their own are still fewer than the honest ones where a
        // majority is needed.
        let best = fit.max { ($0.value, $0.key.recipe.threshold) < ($1.value, $1.key.recipe.threshold) }
        guard let best else { return nil }
        let isAlone = fit.allSatisfy { $0.key == best.key || $0.value < best.value }
        return isAlone ? best.key : nil
    }

    /// Why no recipe is followed. One vault alone has its own reason.
    private static func refusal(_ answers: [Int: Round<LookUp.Reply>.Result], of fleet: Fleet) -> VaultClientError {
        var reasons = fleet.missing
        var needed: Int?
        for (index, link) in fleet.links.enumerated() {
            let error: VaultClientError
            switch answers[index] {
            case .success(let reply):
                needed = max(needed ?? 0, Int(reply.recipe.threshold))
                let names = reply.recipe.vaults.count
                error = VaultClientError(.recipe(names < fleet.count ? .fewerThanNamed(names) : .notTheOthers))
            case .failure(let failure): error = failure
            case nil: error = VaultClientError(.slow)
            }
            reasons.append(Fleet.Missing(address: link.address, error: error))
        }
        // A recipe of several vaults where one alone was named is no fault of the vault's.
        if fleet.count == 1, needed == nil, let only = reasons.first { return only.error }
        return VaultClientError(.tooFew(needed: needed, reasons))
    }

    private static func error(_ answer: Round<LookUp.Reply>.Result?) -> VaultClientError {
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
