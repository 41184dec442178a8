import Passwords

extension Device {
    /// Recovers with a password that was typed once; a wrong one is an outcome. What comes back is kept on this device.
    ///
    /// - Parameters:
    ///   - pinned: what the backup at hand pins; a served recipe or confirmation that differs is refused before a guess is
    ///     spent.
    ///   - accepting: whether the keys are the ones that were looked for; nothing is written before it agreed.
    public mutating func recover(
        at vaults: some Vaults, password: borrowing Password, pinned: PinnedRecipe? = nil,
        accepting: (Recovered) -> Bool = { _ in true }
    ) async throws(VaultClientError) -> RecoverOutcome {
        var made: [OwnGuess] = []
        let outcome: RecoverOutcome
        do throws(VaultClientError) {
            let recovery = Recovery(fleet: vaults.fleet, account: account, pinned: pinned)
            outcome = try await recovery.run(password) { made = $0 }
        } catch {
            try? note(made)
            throw error
        }
        guard case .recovered(let recovered) = outcome else {
            try? note(made)
            return outcome
        }
        try? note(made, recovered)
        guard accepting(recovered) else { throw VaultClientError(.notTheKey, recovered.cost) }
        do throws(VaultClientError) {
            try update { $0.take(recovered) }
        } catch {
            throw error.costing(recovered.cost)
        }
        return outcome
    }

    /// Keeps in mind that guesses were this person's own. What is not kept is later shown as perhaps somebody else's, which
    /// errs on the side of caution; a failure to write is no reason to fail.
    ///
    /// - Parameter recovered: what came of them; nothing, where the password was wrong.
    private mutating func note(_ made: [OwnGuess], _ recovered: Recovered? = nil) throws(VaultClientError) {
        guard !made.isEmpty else { return }
        try update { state in
            for guess in made {
                guard let recovered else {
                    state.note(guess, notGivenBack: true)
                    continue
                }
                // A vault whose answer was false has no refund, and may have counted nothing.
                guard let one = recovered.refunds.first(where: { $0.endorsementName == guess.vault }) else { continue }
                state.note(guess, notGivenBack: one.refund.stayedSpent)
            }
        }
    }
}
