import OPRF
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// Whoever runs the hosts of all vaults, against the formula: guesses are counted by what the chips evaluated.
@Suite struct OracleTests {
    @Test(
        "an attacker at all three hosts, spending each vault where it helps most, gets as many guesses as the formula says",
        arguments: [(2, 1), (2, 2), (2, 5), (3, 2)] as [(UInt32, UInt32)])
    func allHosts(threshold: UInt32, limit: UInt32) async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let device = try await sites.enroll(alice, "correct horse", threshold: threshold, limit: limit)
            let enrollment = try #require(device.state.enrollment?.recipe.enrollment)
            var connections: [any VaultConnection] = []
            for courier in sites.couriers { connections.append(try await courier.connect()) }
            var left = [UInt32](repeating: limit, count: 3)
            var guesses: UInt32 = 0
            // Each guess at those vaults that have most left: nobody can do better.
            while true {
                let chosen = (0..<3).sorted { left[$0] > left[$1] }.prefix(Int(threshold))
                let element = try Scalar.random().publicKey()
                var answers = 0
                for number in chosen {
                    let message = Evaluate(account: alice, enrollment: enrollment, blinded: Bytes(element.sec1))
                    let refused = try await failure { _ = try await connections[number].call(message) }
                    guard refused == nil else {
                        #expect(refused?.reason == .fault(.lockedOut))
                        continue
                    }
                    answers += 1
                    left[number] -= 1
                }
                guard answers == threshold else { break }
                guesses += 1
            }
            for connection in connections { await connection.close() }
            #expect(guesses == 3 * limit / threshold)
            #expect(guesses == GuessLimits(vaults: 3, threshold: threshold, limit: limit).guesses())
            // By the chips' own counts: no more evaluations than that, beside the enrollment's own one each.
            let counted = try await sites.counts(alice)
            #expect(counted.allSatisfy { $0.count <= limit + 1 && $0.ceiling == limit + 1 })
            #expect(counted.reduce(0) { $0 + $1.count - 1 } / threshold == guesses)
        }
    }
}
