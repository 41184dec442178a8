import Vault

extension ProvisionPlan {
    /// For people: what would be done in order, what it means, and what stays as it is.
    var text: String {
        var lines = [
            "TPM          \(tcti): \(chip.manufacturer) \(chip.model), firmware \(chip.firmware)"
                + (chip.emulated ? " (EMULATED)" : ""), "Vault        \(home)", "",
        ]
        lines += steps.map { "\($0.kind.word)  \($0.handle ?? "          ")  \($0.what)" }
        lines.append("")
        lines += untouched.map { "Untouched    \($0)" }
        lines += [
            "", "Owner authorization: \(authorizations.owner.meaning)",
            "Lockout authorization: \(authorizations.lockout.meaning)",
            "Endorsement authorization: \(authorizations.endorsement.meaning)",
            "Dictionary attack settings: \(authorizations.dictionaryAttack)", "",
        ]
        lines += obstacles.map { "It cannot be done now: \($0)" }
        lines.append("Nothing was changed.")
        return lines.joined(separator: "\n")
    }
}

extension ProvisionPlan.Kind {
    fileprivate var word: String {
        switch self {
        case .check: "Checked    "
        case .passing: "For a while"
        case .keep: "Kept       "
        case .make: "Made       "
        case .write: "Written    "
        }
    }
}
