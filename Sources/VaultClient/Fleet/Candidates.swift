import OPRF

/// What the answers of several vaults come to, when some of them may lie.
///
/// Every choice of `t` answers gives a polynomial. Answers of honest vaults lie on one; a false one lies on none of theirs.
struct Candidates {
    /// The choices of answers that give the same element.
    struct Group: Sendable {
        /// What the blinded element comes to under the key, if these answers are the right ones.
        let element: Element
        /// The largest set of answers that lie on one polynomial with this element at 0.
        let support: Set<Interpolation.Sample>
    }

    /// The best supported first.
    let groups: [Group]
    private let threshold: Int

    /// - Parameter samples: one for each vault that answered, at most `Recipe.maximumVaults`.
    init(_ samples: [Interpolation.Sample], threshold: Int) throws(OPRFError) {
        self.threshold = threshold
        var found: [Element: Set<Interpolation.Sample>] = [:]
        for chosen in Self.choices(of: threshold, among: samples[...]) {
            // Each choice on a polynomial that is known already gives nothing new.
            if found.values.contains(where: { $0.isSuperset(of: chosen) }) { continue }
            // Made-up answers can cancel each other; the identity is nobody's evaluation.
            guard let element = try Interpolation.element(through: chosen) else { continue }
            // By the polynomial, and not by the value at 0 alone. The attack: 1. two vaults lie, by errors that cancel each
            // other at 0; 2. the choice with both gives the right element; 3. they are taken for honest, and refunded.
            var support = Set(chosen)
            for sample in samples where !support.contains(sample) {
                if try Interpolation.element(at: sample.x, through: chosen) == sample.element { support.insert(sample) }
            }
            if support.count > found[element]?.count ?? 0 { found[element] = support }
        }
        groups = found.map { Group(element: $0.key, support: $0.value) }
            .sorted { $0.support.count > $1.support.count }
    }

    /// How they are to be understood when none of them gives what the confirmation asks for.
    enum Verdict: Equatable {
        /// More answers than are needed agree, so they are right, and the password is wrong.
        case wrongPassword
        /// They agree, and there are no more of them than are needed: one that lies would not be noticed.
        case undecided
        /// They contradict each other.
        case contradiction
    }

    var verdict: Verdict {
        let agreed = groups.filter { $0.support.count > threshold }
        if agreed.count == 1 { return .wrongPassword }
        return groups.count == 1 ? .undecided : .contradiction
    }

    /// Every choice of `count` of the samples.
    private static func choices(
        of count: Int, among samples: ArraySlice<Interpolation.Sample>
    ) -> [[Interpolation.Sample]] {
        guard count > 0 else { return [[]] }
        guard let first = samples.first, samples.count >= count else { return [] }
        let rest = samples.dropFirst()
        return choices(of: count - 1, among: rest).map { [first] + $0 } + choices(of: count, among: rest)
    }
}
