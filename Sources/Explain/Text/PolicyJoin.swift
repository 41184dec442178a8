import TPM

extension Policy {
    /// `steps`, where an OR may stand behind others, as people write policies: what stands before it is part of each of its
    /// branches. The chip starts again from zero at an OR, so the branches must hold everything.
    static func joined(_ steps: [Step]) -> Policy {
        var before: [Step] = []
        for step in steps {
            if case .or(let branches) = step, !before.isEmpty {
                before = [.or(branches.map { joined(before + $0.steps) })]
            } else {
                before.append(step)
            }
        }
        return Policy(steps: before)
    }

    /// The most ways that a policy from a file may have. The attack: ten ORs of eight behind each other are a thousand million
    /// ways, in a file of a page.
    static let mostWays = 256
    /// The most levels of ORs within ORs.
    static let mostLevels = 8

    /// How many ways `steps` would have when joined, at most `mostWays + 1`.
    static func ways(_ steps: [Step]) -> Int {
        steps.reduce(1) { count, step in
            guard case .or(let branches) = step else { return count }
            let inner = branches.reduce(0) { min($0 + ways($1.steps), mostWays + 1) }
            return min(count * inner, mostWays + 1)
        }
    }
}
