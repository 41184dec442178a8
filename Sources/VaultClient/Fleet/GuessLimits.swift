import VaultAPI

/// How the guesses that a person allows are shared out over the vaults.
///
/// Whoever runs the hosts of all `n` vaults has `n` times the limit `L` of evaluations, and each guess takes `t` of them:
/// `⌊nL/t⌋` guesses. Who has broken `b < t` of the chips open has those shares without counting, and needs `t - b` of the
/// others: `⌊(n-b)L/(t-b)⌋`. With fewer than `t` there is no guess at all. So for a total of `T`, `L` is the largest for which
/// `nL/t < T + 1`: `⌊((T+1)t - 1)/n⌋`, and with one chip broken `⌊((T+1)(t-1) - 1)/(n-1)⌋`, which is never more.
public struct GuessLimits: Hashable, Sendable {
    public let vaults: UInt32
    public let threshold: UInt32
    /// The limit of each vault: how many wrong passwords the person may type, too.
    public let limit: UInt32

    /// - Parameters:
    ///   - total: how many guesses anyone may have, 1 to 1000.
    ///   - evenIfOneIsBroken: whether that must hold when one of the chips was broken open.
    public init(
        total: UInt32, vaults: UInt32, threshold: UInt32, evenIfOneIsBroken: Bool = false
    ) throws(Refusal) {
        guard (1...UInt32(1000)).contains(total) else { throw .total(total) }
        guard (1...UInt32(Recipe.maximumVaults)).contains(vaults) else { throw .vaults(vaults) }
        guard threshold <= vaults, threshold >= min(vaults, 2) else { throw .threshold(threshold, of: vaults) }
        guard !evenIfOneIsBroken || threshold >= 2 else { throw .oneIsAll }
        let limit =
            evenIfOneIsBroken
            ? ((total + 1) * (threshold - 1) - 1) / (vaults - 1) : ((total + 1) * threshold - 1) / vaults
        guard limit >= 1 else { throw .noneLeft(total: total, vaults: vaults) }
        self.vaults = vaults
        self.threshold = threshold
        self.limit = limit
    }

    /// The limits of an enrollment that there is.
    public init(vaults: UInt32, threshold: UInt32, limit: UInt32) {
        (self.vaults, self.threshold, self.limit) = (vaults, threshold, limit)
    }

    /// The most wrong guesses of anyone who runs all hosts and has broken `broken` of the chips, fewer than are needed, open.
    public func guesses(broken: UInt32 = 0) -> UInt32 {
        precondition(broken < threshold, "with so many broken chips nothing counts")
        return (vaults - broken) * limit / (threshold - broken)
    }

    /// What it means, in a sentence for each thing.
    public var sentences: [String] {
        func guesses(_ count: UInt32) -> String { count == 1 ? "1 guess" : "\(count) guesses" }
        guard vaults > 1 else { return ["Anyone, you included, has \(guesses(limit)) at the password."] }
        var said = [
            "Any \(threshold) of the \(vaults) vaults bring the key back; \(vaults - threshold) may be lost.",
            "You may type \(limit) wrong \(limit == 1 ? "password" : "passwords") in a row.",
            "Whoever runs all \(vaults) hosts has \(guesses(self.guesses())) at the password; whoever runs fewer than"
                + " \(threshold), none.",
        ]
        if threshold >= 2 {
            said.append("With one of the chips broken open as well, they have \(guesses(self.guesses(broken: 1))).")
        }
        return said
    }

    /// Why guesses cannot be shared out so. Nothing was begun.
    public enum Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        case total(UInt32)
        case vaults(UInt32)
        case threshold(UInt32, of: UInt32)
        /// One broken chip is all that it takes.
        case oneIsAll
        /// Not even one guess for each vault.
        case noneLeft(total: UInt32, vaults: UInt32)

        public var description: String {
            switch self {
            case .total(let total): "A limit of \(total) guesses is not between 1 and 1000."
            case .vaults(let count): "\(count) vaults are too many; name 1 to \(Recipe.maximumVaults)."
            case .threshold(let threshold, let count):
                "\(threshold) of \(count) vaults cannot be: of several, at least 2 must be needed, so that none alone has any"
                    + " guess, and no more than there are."
            case .oneIsAll:
                "Where one vault is all that it takes, nothing holds when its chip is broken open; name more vaults."
            case .noneLeft(let total, let vaults):
                "With \(total) guesses in all, shared over \(vaults) vaults, not even one password could be typed; allow more"
                    + " guesses, or have more of the vaults needed (--threshold)."
            }
        }
    }
}
