import OPRF
import Passwords
import Secrets
import VaultAPI

/// Tells by the confirmation which of the answers are right, and what it means when none is.
struct Judge {
    let served: ServedRecipe
    let onStep: StepHook
    /// What Argon2id was run on already: it is once for each.
    private var judged: Set<Element> = []
    private(set) var verdict = Candidates.Verdict.undecided

    /// How often Argon2id runs for one typed password, at most: of five answers there are ten choices of three.
    private static let attempts = 10

    init(served: ServedRecipe, onStep: @escaping StepHook) {
        self.served = served
        self.onStep = onStep
    }

    /// What the confirmation agrees with.
    final class Found: Sendable {
        let keys: PasswordKeys
        /// The answers on its polynomial.
        let support: Set<Interpolation.Sample>

        init(keys: consuming PasswordKeys, support: Set<Interpolation.Sample>) {
            self.keys = keys
            self.support = support
        }
    }

    mutating func judge(
        _ answers: Answers, _ password: borrowing Password, _ blind: borrowing Blind
    ) async throws(VaultClientError) -> Found? {
        let samples = answers.samples
        let threshold = served.recipe.threshold
        let candidates = try mapping(VaultClientError.Reason.oprf) { () throws(OPRFError) in
            try Candidates(samples, threshold: threshold)
        }
        verdict = candidates.verdict
        for group in candidates.groups where !judged.contains(group.element) && judged.count < Self.attempts {
            judged.insert(group.element)
            let output: SecretBytes
            do throws(OPRFError) {
                output = try OPRF.finalize(input: password.bytes, blind: blind, evaluated: group.element)
            } catch {
                throw VaultClientError(.oprf(error))
            }
            let keys = try await PasswordKeys(output: output, recipe: served.recipe, onStep: onStep)
            // The attack: 1. an impostor answers with its own evaluation key; 2. the device signs with the open key
            // that follows; 3. the impostor searches the password offline against the signature. So nothing that
            // depends on the password leaves this device before this line, and one typed password is checked once. Where
            // vaults disagree several candidates are, and still none of them is the choice of who runs fewer vaults than
            // are needed.
            if keys.confirmation.isEqual(to: SecretBytes(copying: served.confirmation.bytes.span)) {
                return Found(keys: keys, support: group.support)
            }
        }
        return nil
    }

    /// What it means that nothing was confirmed.
    func refusal(_ answers: Answers) throws(VaultClientError) -> RecoverOutcome {
        switch verdict {
        case .wrongPassword: return .wrongPassword(guessesLeft: answers.guessesLeft)
        // One vault alone is all that there is to believe.
        case .undecided where served.recipe.recipe.vaults.count == 1:
            return .wrongPassword(guessesLeft: answers.guessesLeft)
        case .undecided: throw VaultClientError(.wrongOrLied(guessesLeft: answers.guessesLeft), .spent)
        case .contradiction: throw VaultClientError(.notJudged(served.others), .spent)
        }
    }
}
