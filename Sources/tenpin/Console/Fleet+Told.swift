import TPM
import VaultClient

extension Fleet {
    /// What could not be done at one of several vaults, and at which.
    func failures<R>(_ results: [Result<R, VaultClientError>]) -> [Missing] {
        guard count > 1 else { return [] }
        return missing
            + zip(links, results).compactMap { link, result in
                if case .failure(let error) = result { Missing(address: link.address, error: error) } else { nil }
            }
    }

    /// Why something was done at fewer vaults than are needed; of one vault its own error.
    func tooFew<R>(_ results: [Result<R, VaultClientError>], needed: Int) throws -> VaultClientError {
        if count == 1, let only = results.first { _ = try only.get() }
        return VaultClientError(needed: needed, failures(results))
    }
}

extension [SlotCount] {
    /// The slot that lets the person try least often, among the best `needed` of them.
    func fewest(of needed: Int) -> SlotCount? {
        let sorted = sorted { $0.guessesLeft > $1.guessesLeft }
        return sorted.indices.contains(needed - 1) ? sorted[needed - 1] : nil
    }
}
