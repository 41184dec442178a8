import OPRF
import Testing

@testable import VaultClient

/// The formula for the vaults' limits, and what several answers come to, without any vault.
@Suite struct LimitsTests {
    @Test("two of three and three of five allow five each, so that ten guesses hold with one chip broken")
    func known() throws {
        for (vaults, threshold) in [(3, 2), (5, 3)] as [(UInt32, UInt32)] {
            let limits = try GuessLimits(total: 10, vaults: vaults, threshold: threshold, evenIfOneIsBroken: true)
            #expect(limits.limit == 5 && limits.guesses(broken: 1) == 10)
        }
        #expect(try GuessLimits(total: 10, vaults: 1, threshold: 1).limit == 10)
    }

    @Test("each limit is the largest that keeps to the total, for every total, number and threshold")
    func largest() throws {
        for total in 1...60 as ClosedRange<UInt32> {
            for vaults in 1...9 as ClosedRange<UInt32> {
                for threshold in min(vaults, 2)...vaults {
                    for broken in 0...(threshold >= 2 ? 1 : 0) as ClosedRange<UInt32> {
                        func most(_ limit: UInt32) -> UInt32 { (vaults - broken) * limit / (threshold - broken) }
                        guard
                            let limits = try? GuessLimits(
                                total: total, vaults: vaults, threshold: threshold, evenIfOneIsBroken: broken == 1)
                        else {
                            #expect(most(1) > total)
                            continue
                        }
                        #expect(most(limits.limit) <= total && most(limits.limit + 1) > total)
                        #expect(limits.guesses() <= total)
                    }
                }
            }
        }
    }

    @Test("sharings that cannot keep to the total are refused")
    func refused() throws {
        func refusal(_ total: UInt32, _ vaults: UInt32, _ threshold: UInt32, broken: Bool = false) -> GuessLimits
            .Refusal?
        {
            do throws(GuessLimits.Refusal) {
                _ = try GuessLimits(total: total, vaults: vaults, threshold: threshold, evenIfOneIsBroken: broken)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(0, 3, 2) == .total(0) && refusal(1001, 3, 2) == .total(1001))
        #expect(refusal(10, 0, 0) == .vaults(0) && refusal(10, 10, 5) == .vaults(10))
        #expect(refusal(10, 3, 1) == .threshold(1, of: 3) && refusal(10, 3, 4) == .threshold(4, of: 3))
        #expect(refusal(10, 1, 1, broken: true) == .oneIsAll)
        #expect(refusal(1, 9, 2) == .noneLeft(total: 1, vaults: 9))
    }

    /// Answers of shares 1 to `count` of a random key, with some of them replaced.
    static func answers(
        _ count: Int, threshold: Int, false lies: [Int: Element] = [:]
    ) throws -> (right: Element, samples: [Interpolation.Sample]) {
        let key = Scalar.random()
        let polynomial = try SharingPolynomial(secret: key, threshold: threshold)
        var samples: [Interpolation.Sample] = []
        for x in 1...count {
            let share = try polynomial.share(at: x)
            samples.append(.init(x: x, element: try lies[x] ?? share.publicKey()))
        }
        return (try key.publicKey(), samples)
    }

    @Test("honest answers are one group, and false ones never are in the group of the right element")
    func groups() throws {
        let honest = try Self.answers(5, threshold: 3)
        let one = try Candidates(honest.samples, threshold: 3)
        #expect(one.groups.map(\.element) == [honest.right] && one.groups[0].support.count == 5)
        #expect(one.verdict == .wrongPassword)

        let liars = [2: try Scalar.random().publicKey(), 5: try Scalar.random().publicKey()]
        let mixed = try Self.answers(5, threshold: 3, false: liars)
        let several = try Candidates(mixed.samples, threshold: 3)
        // Ten choices of three, of which one is honest.
        #expect(several.groups.count == 10 && several.verdict == .contradiction)
        let right = several.groups.first { $0.element == mixed.right }
        #expect(right.map { Set($0.support.map(\.x)) } == [1, 3, 4])

        let single = try Self.answers(4, threshold: 2, false: [4: liars[2] ?? .generator])
        let majority = try Candidates(single.samples, threshold: 2)
        #expect(majority.groups[0].element == single.right && majority.groups[0].support.count == 3)
        #expect(majority.verdict == .wrongPassword)
        let exact = try Self.answers(2, threshold: 2)
        #expect(try Candidates(exact.samples, threshold: 2).verdict == .undecided)
    }

    @Test("two liars whose errors cancel at 0 are not taken for honest")
    func cancelling() throws {
        let (right, honest) = try Self.answers(5, threshold: 3)
        var samples = honest
        // The second liar answers what lies on the polynomial through the secret at 0, the first share and the first liar's
        // answer. Lagrange's coefficients depend on differences alone, so all places may be one higher.
        let made = try Scalar.random().publicKey()
        samples[3] = .init(x: 4, element: made)
        let fitting = try Interpolation.element(
            at: 6,
            through: [.init(x: 1, element: right), .init(x: 2, element: honest[0].element), .init(x: 5, element: made)])
        samples[4] = .init(x: 5, element: try #require(fitting))
        #expect(try Interpolation.element(through: [samples[0], samples[3], samples[4]]) == right)
        let group = try Candidates(samples, threshold: 3).groups.first { $0.element == right }
        #expect(group.map(\.support.count) == 3)
    }
}
