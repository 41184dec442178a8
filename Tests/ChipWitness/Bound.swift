/// The bound of one enrollment, as its own bookkeeping has it: what may have been evaluated.
package struct Allowance: Hashable, Sendable {
    /// The Name of the evaluation key.
    package var key: Name
    /// The first ceiling that the person signed.
    package var limit: Int
    /// Evaluations that the person made and proved, each of whose give-backs was signed.
    package var proved = 0
    /// Guesses that the person granted by a signature.
    package var granted = 0
    /// The blinded elements that the person's devices sent, 33 bytes each.
    package var own: Set<[UInt8]> = []

    package init(key: Name, limit: Int) {
        self.key = key
        self.limit = limit
    }

    /// evaluations ≤ limit + proved + granted.
    package var mostEvaluations: Int { limit + proved + granted }
    /// The operator's share ≤ limit + granted.
    package var mostOfOperator: Int { limit + granted }
}

/// More evaluations than the bound allows.
package struct Violation: Error, CustomStringConvertible {
    package let description: String
    /// The shortest part of the stream in which the witness still sees it.
    package let shortest: [Witness.Exchange]
}

extension Witness {
    /// How many evaluations were somebody else's than the person's. An element of the person's that is evaluated again
    /// counts as the operator's the second time.
    package func shareOfOperator(_ allowance: Allowance) -> Int {
        let elements = evaluations(of: allowance.key).map(\.element)
        return elements.count - Set(elements).intersection(allowance.own).count
    }

    /// Whether this enrollment's key was evaluated more often than the bound allows.
    package func violation(of allowance: Allowance) -> Violation? {
        guard let what = excess(over: allowance) else { return nil }
        let shortest = Shrinking.shortest(stream) { part in
            var witness = Witness()
            for exchange in part { witness.see(exchange) }
            return witness.excess(over: allowance) != nil
        }
        let lines = shortest.map(\.line).joined(separator: "\n    ")
        return Violation(description: "\(what)\n    \(lines)", shortest: shortest)
    }

    private func excess(over allowance: Allowance) -> String? {
        let all = evaluations(of: allowance.key).count
        let others = shareOfOperator(allowance)
        guard all > allowance.mostEvaluations || others > allowance.mostOfOperator else { return nil }
        return "\(all) evaluations, \(others) of them the operator's, with limit \(allowance.limit),"
            + " \(allowance.proved) proved and \(allowance.granted) granted"
    }
}
