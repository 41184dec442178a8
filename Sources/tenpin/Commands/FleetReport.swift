import TPM
import VaultAPI
import VaultClient

/// How an account stands at several vaults.
struct FleetReport: Encodable {
    let account: String
    /// How many of the vaults are needed, where one of them or this device knows.
    let threshold: UInt32?
    /// How many vaults hold a share.
    let shares: Int?
    /// How many answer and keep this enrollment.
    let answering: Int
    /// How many wrong passwords may still be typed: enough of the vaults must allow it.
    let guessesLeft: UInt32?
    let vaults: [Vault]
    let warnings: [String]

    struct Vault: Encodable {
        let address: String
        let status: StatusReport?
        /// Why there is none.
        let trouble: String?
    }

    init(_ device: borrowing Device, _ fleet: Fleet, _ results: [Result<AccountStatus, VaultClientError>]) {
        let account = device.account.id
        let statuses = results.compactMap { try? $0.get() }
        // What this device knows goes before what vaults say.
        let recipe = device.state.enrollment?.recipe ?? Self.mostServed(statuses)
        let ours = statuses.filter { $0.recipe == recipe }
        self.account = account
        threshold = recipe?.threshold
        shares = recipe?.vaults.count
        answering = ours.count
        guessesLeft = ours.map { $0.proven?.slot ?? $0.claimed }.fewest(of: Int(recipe?.threshold ?? 1))?.guessesLeft
        vaults =
            zip(fleet.links, results).map { link, result in
                switch result {
                case .success(let status):
                    Vault(
                        address: link.address, status: StatusReport(account, status, link.vault),
                        trouble: status.recipe == recipe ? nil : "It keeps another enrollment of this account's.")
                case .failure(let error):
                    Vault(address: link.address, status: nil, trouble: error.reason.sentence)
                }
            }
            + fleet.missing.map { Vault(address: $0.address, status: nil, trouble: $0.error.reason.sentence) }
        warnings = Self.warnings(answering: ours.count, recipe) + Unburnt(device).sentences
    }

    private static func mostServed(_ statuses: [AccountStatus]) -> Recipe? {
        Dictionary(grouping: statuses, by: \.recipe).max { $0.value.count < $1.value.count }?.key
    }

    private static func warnings(answering: Int, _ recipe: Recipe?) -> [String] {
        guard let recipe else { return ["None of the vaults keeps an enrollment of this account's."] }
        let (needed, count) = (Int(recipe.threshold), recipe.vaults.count)
        guard answering <= needed else { return [] }
        if answering < needed {
            return [
                "Only \(answering) of the \(count) vaults answer, and \(needed) are needed: the password brings nothing back"
                    + " until more do."
            ]
        }
        return [
            "Only \(answering) of the \(count) vaults answer, and all of these are needed: not one more may be lost, and none"
                + " that lies would be noticed. Replace the lost ones with `tenpin change-password`."
        ]
    }

    func show() {
        if let threshold, let shares {
            print("Account       \(account), \(threshold) of \(shares) vaults needed, \(answering) of them answer")
        }
        if let guessesLeft { print("Guesses left  \(guessesLeft)") }
        for vault in vaults {
            print("\n\(vault.address)")
            vault.status?.show()
            if let trouble = vault.trouble { print("Trouble       \(trouble)") }
        }
        for warning in warnings { print("\nWarning: \(warning)") }
    }
}
