import OPRF
import Passwords
import Secrets
import TPM
import VaultAPI

/// How a recovery ended.
public enum RecoverOutcome: Sendable {
    case recovered(Recovered)
    /// The password was wrong, and one guess was spent. What is left is the vaults' word: only the right password lets
    /// a device ask the chips themselves.
    case wrongPassword(guessesLeft: UInt32)
    /// The chips refuse further guesses; none was spent.
    case lockedOut
}

/// One recovery with one typed password (docs/protocol.md), at one vault or at several at once.
struct Recovery {
    let fleet: Fleet
    let account: Account
    /// What the header of the backup at hand pins.
    let pinned: PinnedRecipe?

    /// - Parameter onEvaluated: told of all evaluations that came back so far, each with the count after it by the vault's word.
    func run(
        _ password: borrowing Password, onEvaluated: ([OwnGuess]) -> Void = { _ in }
    ) async throws(VaultClientError) -> RecoverOutcome {
        let lookUps = ServedRecipe.lookUps(account, at: fleet, pinned: pinned)
        do throws(VaultClientError) {
            let served = try await ServedRecipe(lookUps, account, at: fleet, pinned: pinned)
            let outcome = try await follow(served, lookUps, password, onEvaluated)
            await lookUps.end()
            return outcome
        } catch {
            await lookUps.end()
            throw error
        }
    }

    private func follow(
        _ served: ServedRecipe, _ lookUps: ServedRecipe.LookUps, _ password: borrowing Password,
        _ onEvaluated: ([OwnGuess]) -> Void
    ) async throws(VaultClientError) -> RecoverOutcome {
        try Stretching.checkMemory(for: served.recipe.parameters)
        let blind = try mapping(VaultClientError.Reason.oprf) { () throws(OPRFError) in
            try OPRF.blind(input: password.bytes)
        }
        let round = evaluation(of: blind.blindedElement, served, lookUps)
        let threshold = served.recipe.threshold
        let patience = fleet.patience
        var answers = Answers(
            await round.answers { $0.values.count(where: \.isSuccess) >= threshold ? patience.evaluation : nil }, served
        )
        onEvaluated(answers.made)
        guard answers.samples.count >= threshold else {
            await round.end()
            return try answers.tooFew(at: fleet)
        }

        // From here on a guess is spent.
        do throws(VaultClientError) {
            var judge = Judge(served: served) { fleet.links.first?.onStep($0) }
            var found = try await judge.judge(answers, password, blind)
            if found == nil, judge.verdict != .wrongPassword {
                // Those that were slow are needed now.
                answers = Answers(
                    await round.answers { Answers($0, served).isSettled ? .zero : patience.doubt }, served)
                found = try await judge.judge(answers, password, blind)
            }
            answers = Answers(round.answers, served)
            guard let found else {
                await round.end()
                onEvaluated(answers.made)
                return try judge.refusal(answers)
            }
            let opening = Opening(account: account, served: served, patience: patience)
            let opened = try await opening.open(found.keys, at: answers.right(found.support))
            // Whoever has answered by now has its ceiling raised too.
            await round.end()
            answers = Answers(round.answers, served)
            onEvaluated(answers.made)
            let right = try answers.right(found.support)
            let refunds = await opening.refund(opened.limitSeed, at: answers.counted(right))
            return .recovered(
                opening.recovered(opened, at: right, refunds: refunds, troubles: answers.troubles(right)))
        } catch {
            await round.end()
            throw error.costing(.spent)
        }
    }

    /// The same blinded element to everybody at once. A lost reply is asked for again with it, which costs nothing.
    private func evaluation(
        of blinded: Element, _ served: ServedRecipe, _ lookUps: ServedRecipe.LookUps
    ) -> Round<Answers.One> {
        let message = Evaluate(
            account: account, enrollment: served.recipe.recipe.enrollment, blinded: Bytes(blinded.sec1))
        let holders = served.holders
        return Round(holders.count, giveUp: { await holders[$0].link.courier.hangUp() }) {
            (index) async throws(VaultClientError) in
            let link = holders[index].link
            // A conversation has one call at a time.
            let reply = await served.reply(of: holders[index], lookUps)
            link.onStep(.evaluating)
            let name = holders[index].entry.evaluationKey
            let (evaluated, isCounted) = try await link.courier.repeating(costIfLost: .maybeSpent) {
                () async throws(VaultClientError) in
                // Where all are needed, a right answer is proof enough.
                guard served.recipe.isRedundant else { return (try await link.courier.call(message), true) }
                return try await Self.prove(message, of: blinded, by: name, at: link)
            }
            do throws(OPRFError) {
                return Answers.One(
                    element: try Element(sec1: evaluated.evaluated.bytes), guessesLeft: evaluated.guessesLeft,
                    isCounted: isCounted, served: reply)
            } catch {
                throw VaultClientError(.oprf(error), .spent)
            }
        }
    }

    /// In a session of this device's own, so that the chip shows that it made the evaluation itself.
    private static func prove(
        _ message: Evaluate, of blinded: Element, by name: Name, at link: VaultLink
    ) async throws(VaultClientError) -> (Evaluate.Reply, Bool) {
        let point = try mapping(VaultClientError.Reason.wire) { () throws(WireError) in
            try P256Point(x: blinded.x, y: blinded.y)
        }
        var session = try await CarriedSession.start(
            .hmac, through: link.courier, in: try await link.courier.converse(),
            endorsementKey: link.vault.endorsementKey)
        // The handle is the courier's to know; what is authorized names the key.
        return try await session.evaluate(message, by: .ecdhZGen(Command.Entity(.null, name), point))
    }
}

/// What the vaults answered to one blinded element.
struct Answers: Sendable {
    struct One: Sendable {
        let element: Element
        /// By the vault's word.
        let guessesLeft: UInt32
        /// Whether its chip has counted it for certain, if the answer is right.
        let isCounted: Bool
        /// What the vault serves of this enrollment, if it does.
        let served: LookUp.Reply?
    }

    private let results: Round<One>.Results
    private let served: ServedRecipe

    /// - Parameter results: by their place in `served.holders`.
    init(_ results: Round<One>.Results, _ served: ServedRecipe) {
        self.results = results
        self.served = served
    }

    private func answer(of index: Int) -> One? { try? results[index]?.get() }

    private func sample(of index: Int) -> Interpolation.Sample? {
        answer(of: index).map { Interpolation.Sample(x: served.holders[index].entry.x, element: $0.element) }
    }

    /// One for each vault that answered.
    var samples: [Interpolation.Sample] { served.holders.indices.compactMap { sample(of: $0) } }

    /// The evaluations that came back and were counted.
    var made: [OwnGuess] {
        served.holders.enumerated().compactMap { index, holder in
            guard let answer = answer(of: index), answer.isCounted else { return nil }
            let name = holder.link.vault.endorsementName.bytes
            return OwnGuess(
                slot: GuessedSlot(of: served.recipe.recipe, at: name), vault: name,
                count: answer.served.map { UInt32(clamping: Int64($0.ceiling) - Int64(answer.guessesLeft)) })
        }
    }

    /// Whether more of them agree than are needed.
    var isSettled: Bool {
        (try? Candidates(samples, threshold: served.recipe.threshold))?.verdict == .wrongPassword
    }

    /// What it cost so far.
    var cost: VaultFault.Guess {
        results.values.reduce(.notSpent) { cost, result in
            switch result {
            case .success: .spent
            case .failure(let error): cost.worse(error.guess)
            }
        }
    }

    /// How often the person may still try, by the vaults' word: as many vaults as are needed must allow it.
    var guessesLeft: UInt32 {
        let left = served.holders.indices.compactMap { answer(of: $0)?.guessesLeft }.sorted(by: >)
        return left.count < served.recipe.threshold ? 0 : left[served.recipe.threshold - 1]
    }

    /// The vaults whose answers lie on the polynomial of `support`, which was confirmed; also those that came later.
    func right(_ support: Set<Interpolation.Sample>) throws(VaultClientError) -> [Holder] {
        let line = Array(support.sorted { $0.x < $1.x }.prefix(served.recipe.threshold))
        var right: [Holder] = []
        for index in served.holders.indices {
            guard let sample = sample(of: index) else { continue }
            let there = try mapping(VaultClientError.Reason.oprf) { () throws(OPRFError) in
                try Interpolation.element(at: sample.x, through: line)
            }
            guard there == sample.element else { continue }
            var holder = served.holders[index]
            holder.served = answer(of: index)?.served
            right.append(holder)
        }
        return right
    }

    /// Those of the vaults with right answers whose chips have counted them.
    ///
    /// The attack: 1. whoever runs more hosts than are needed has as many chips evaluate as are needed; 2. what the other ones would
    /// answer follows from that, and their chips count nothing; 3. each of them gets a ceiling signed, which is a guess for
    /// nothing. So where there are more vaults than are needed each chip has to show that it made its evaluation.
    func counted(_ right: [Holder]) -> [Holder] {
        right.filter { holder in
            served.holders.firstIndex { $0.place == holder.place }.flatMap { answer(of: $0) }?.isCounted == true
        }
    }

    /// What is to be told of the vaults that were of no use, or lied.
    ///
    /// - Parameter right: the vaults whose answers are right; `nil` where nobody knows.
    func troubles(_ right: [Holder]?) -> [Fleet.Missing] {
        var troubles = served.others
        for (index, holder) in served.holders.enumerated() {
            let address = holder.link.address
            let isRight = right?.contains { $0.place == holder.place }
            let error: VaultClientError
            switch results[index] {
            case .success(let answer):
                if isRight == nil || isRight == true && answer.isCounted {
                    // It was only slow to say what it serves.
                    if answer.served != nil { troubles.removeAll { $0.address == address } }
                    continue
                }
                error = VaultClientError(isRight == true ? .evaluationNotProven : .falseAnswer, .spent)
            case .failure(let failure): error = failure
            case nil: error = VaultClientError(.slow, .maybeSpent)
            }
            troubles.removeAll { $0.address == address }
            troubles.append(Fleet.Missing(address: address, error: error))
        }
        return troubles
    }

    /// Fewer answers than are needed: the person is locked out, or vaults are missing.
    func tooFew(at fleet: Fleet) throws(VaultClientError) -> RecoverOutcome {
        var failures: [VaultClientError] = []
        for result in results.values { if case .failure(let error) = result { failures.append(error) } }
        // Whatever the others say, too few are left. A reply that was lost before may have been to a guess that was spent:
        // then the error says so.
        let locked = failures.count { $0.reason == .fault(.lockedOut) }
        let isLocked = served.recipe.recipe.vaults.count - locked < served.recipe.threshold
        if isLocked, cost == .notSpent { return .lockedOut }
        if fleet.count == 1, let only = failures.first { throw only }
        throw VaultClientError(.tooFew(needed: served.recipe.threshold, troubles(nil)), cost)
    }
}
