import DeviceTestSupport
import Foundation
import OPRF
import Testing
import VaultAPI

@testable import VaultClient

/// Three of five vaults, each with its chip, and up to two of them at their worst.
@Suite struct FiveTests {
    /// What is the matter with a vault.
    enum Trouble: Int, CaseIterable, Sendable {
        case gone
        /// Its connection is there, and nothing comes through it: a partition.
        case silent
        case lostAtLookUp
        case lostAtEvaluate
        case lostAtOpen
        case lostAtRefund
        case lies
        case servesAnotherRecipe
        case refuses

        /// Whether its share is of use all the same.
        var evaluates: Bool { [.lostAtOpen, .lostAtRefund, .servesAnotherRecipe, .lostAtLookUp].contains(self) }

        func befall(_ courier: HostileCourier, until gate: Gate) {
            switch self {
            case .gone: courier.die()
            case .silent:
                courier.begin { call in
                    guard [LookUp.name, Evaluate.name].contains(call.method) else { return .carry }
                    await gate.wait()
                    return .loseCall
                }
            case .lostAtLookUp: Self.lose(LookUp.name, at: courier)
            case .lostAtEvaluate: Self.lose(Evaluate.name, at: courier)
            case .lostAtOpen: Self.lose(Open.name, at: courier)
            case .lostAtRefund: Self.lose(WriteSlot.name, at: courier)
            case .lies: courier.begin { LiarTests.Lie.anotherPoint.fate($0, .null) }
            case .servesAnotherRecipe: courier.begin { LiarTests.Lie.oldRecipe.fate($0, .null) }
            case .refuses:
                courier.begin { $0.method == Evaluate.name ? .fault(.chipUnavailable) : .carry }
            }
        }

        private static func lose(_ method: String, at courier: HostileCourier) {
            courier.begin { $0.method == method ? .loseCall : .carry }
        }
    }

    /// Every pair with TENPIN_EXHAUSTIVE=1, otherwise as many as show each trouble in each place.
    static let isExhaustive = ProcessInfo.processInfo.environment["TENPIN_EXHAUSTIVE"] == "1"

    @Test("any two of five may be in any trouble: the key comes back from the three others, and liars get no ceiling")
    func subsets() async throws {
        try await Sites.with(5) { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse", threshold: 3, limit: 400).key()
            var turn = 0
            for first in 0..<5 {
                for second in first..<5 {
                    let all = Trouble.allCases.flatMap { one in Trouble.allCases.map { (one, $0) } }
                    let count = Trouble.allCases.count
                    let pairs = Self.isExhaustive ? all : [all[(turn * (count + 4) + turn) % all.count]]
                    turn += 1
                    for (one, other) in pairs {
                        let troubles = first == second ? [first: one] : [first: one, second: other]
                        try await Self.recover(sites, alice, key, troubles)
                    }
                }
            }
        }
    }

    private static func recover(
        _ sites: Sites, _ account: Account, _ key: [UInt8], _ troubles: [Int: Trouble]
    ) async throws {
        let gate = Gate()
        sites.begin()
        for (number, trouble) in troubles { trouble.befall(sites.couriers[number], until: gate) }
        let recovered = try await sites.recover(account, "correct horse").recovered
        await gate.open()
        #expect(recovered?.key.key.bytes.published == key, "\(troubles)")
        for number in 0..<5 {
            let raised = recovered?.refunds.contains { $0.address == sites.couriers[number].address } ?? false
            #expect(raised == (troubles[number]?.evaluates ?? true), "\(troubles), at \(number)")
            guard let trouble = troubles[number] else { continue }
            let named = recovered?.troubles.contains { $0.address == sites.couriers[number].address } ?? false
            let refund = recovered?.refunds.first { $0.address == sites.couriers[number].address }?.refund
            // What only kept the bundle or the ceiling back is told with the refund.
            if trouble == .lostAtRefund, case .given? = refund { Issue.record("\(troubles): given without a write") }
            #expect(named || [.lostAtOpen, .lostAtRefund].contains(trouble), "\(troubles), at \(number)")
        }
    }

    @Test("two liars at once, each for itself or with one answer between them, are both named, and get no ceiling")
    func liars() async throws {
        try await Sites.with(5) { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse", threshold: 3).key()
            let common = try Scalar.random().publicKey().sec1
            for (first, second, isOne) in [(0, 1, false), (1, 4, true), (2, 3, false)] {
                sites.begin()
                for number in [first, second] {
                    sites.couriers[number].begin { call in
                        guard call.method == Evaluate.name else { return .carry }
                        let point = isOne ? common : (try? Scalar.random().publicKey().sec1) ?? common
                        return .alter { $0.setting(["evaluated"], to: .bytes(point)) }
                    }
                }
                let recovered = try #require(try await sites.recover(alice, "correct horse").recovered)
                #expect(recovered.key.key.bytes.published == key)
                let liars = [first, second].map { sites.couriers[$0].address }
                #expect(recovered.troubles.map(\.address).sorted() == liars.sorted())
                #expect(recovered.troubles.allSatisfy { $0.error.reason == .falseAnswer })
                #expect(
                    recovered.refunds.count == 3
                        && liars.allSatisfy { liar in
                            !recovered.refunds.contains { $0.address == liar }
                        })
                #expect([first, second].allSatisfy { sites.couriers[$0].calls(of: WriteSlot.name).isEmpty })
            }
            // Three honest answers agree on a wrong password, which is no more than are needed: it is not judged.
            let error = try await failure { _ = try await sites.recover(alice, "wrong horse") }
            guard case .notJudged = error?.reason else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test("two of five that answer first with a recipe of their own are not followed: the others are waited for")
    func conspiracy() async throws {
        try await Sites.with(5) { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse", threshold: 3).key()
            // They are content with themselves, and agree on a confirmation.
            for number in [0, 1] {
                sites.couriers[number].begin { call in
                    guard call.method == LookUp.name else { return .carry }
                    return .alter { reply in
                        reply.setting(["recipe", "threshold"], to: .number(2))
                            .setting(["confirmation"], to: .bytes([UInt8](repeating: 7, count: 32)))
                    }
                }
            }
            for number in 2..<5 {
                sites.couriers[number].begin { call in
                    if call.method == LookUp.name { try? await Task.sleep(for: .milliseconds(900)) }
                    return .carry
                }
            }
            let recovered = try await sites.recover(alice, "correct horse").recovered
            #expect(recovered?.key.key.bytes.published == key && recovered?.recipe.threshold == 3)

            // With one of the honest ones gone it is two against two, and none of them is believed.
            sites.couriers[4].die()
            let error = try await failure { _ = try await sites.recover(alice, "correct horse") }
            guard case .tooFew = error?.reason else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.guess == .notSpent)
        }
    }

    @Test("nobody waits for a vault that takes five seconds for everything")
    func slow() async throws {
        try await Sites.with(5) { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse", threshold: 3).key()
            sites.couriers[2].begin { _ in
                try? await Task.sleep(for: .seconds(5))
                return .carry
            }
            let recovered = try await sites.recover(alice, "correct horse", isHurried: true).recovered
            #expect(recovered?.key.key.bytes.published == key)
            #expect((recovered?.refunds.count ?? 0) >= 3)
            // It had hardly begun to describe itself by then.
            #expect(sites.couriers[2].calls(of: Evaluate.name).isEmpty)
        }
    }
}
