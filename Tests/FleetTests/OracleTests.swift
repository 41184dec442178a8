import DeviceTestSupport
import OPRF
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// Whoever runs the hosts of all vaults, against the formula: guesses are counted by the commands that the chips did.
@Suite struct OracleTests {
    /// A person's choice, and how many of the chips were broken open.
    struct Choice: Sendable, CustomTestStringConvertible {
        let (vaults, threshold, limit): (Int, UInt32, UInt32)
        var broken: UInt32 = 0

        var testDescription: String { "\(threshold) of \(vaults), \(limit) each, \(broken) broken" }
    }

    @Test(
        "an attacker at all hosts, spending each vault where it helps most, gets as many guesses as the formula says",
        arguments: [
            Choice(vaults: 3, threshold: 2, limit: 1), Choice(vaults: 3, threshold: 2, limit: 5),
            Choice(vaults: 3, threshold: 2, limit: 5, broken: 1), Choice(vaults: 3, threshold: 3, limit: 2),
            Choice(vaults: 5, threshold: 3, limit: 5), Choice(vaults: 5, threshold: 3, limit: 5, broken: 1),
        ])
    func allHosts(choice: Choice) async throws {
        try await Sites.with(choice.vaults, relayed: true) { sites in
            let alice = try Account("alice")
            let (count, limit) = (UInt32(choice.vaults), choice.limit)
            let device = try await sites.enroll(alice, "correct horse", threshold: choice.threshold, limit: limit)
            let enrollment = try #require(device.state.enrollment?.recipe.enrollment)
            for vault in sites.vaults { vault.relay?.begin() }
            var connections: [any VaultConnection] = []
            for courier in sites.couriers { connections.append(try await courier.connect()) }

            // The broken ones' shares are known, and cost nothing.
            let needed = Int(choice.threshold - choice.broken)
            var left = [UInt32](repeating: limit, count: choice.vaults - Int(choice.broken))
            var guesses: UInt32 = 0
            // Each guess at those vaults that have most left: nobody can do better.
            while true {
                let chosen = left.indices.sorted { left[$0] > left[$1] }.prefix(needed)
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
                guard answers == needed else { break }
                guesses += 1
            }
            for connection in connections { await connection.close() }
            #expect(guesses == (count - choice.broken) * limit / (choice.threshold - choice.broken))
            #expect(
                guesses
                    == GuessLimits(vaults: count, threshold: choice.threshold, limit: limit)
                    .guesses(broken: choice.broken))

            // By what the chips themselves did: none multiplied more often than it was asked to and than it allows, and so
            // many multiplications are so many guesses.
            var multiplied = 0
            for vault in sites.vaults {
                let done = try #require(vault.relay).exchanges.count {
                    $0.command.code == CommandCode.ecdhZGen.rawValue && $0.responseCode == 0
                }
                #expect(done <= Int(limit))
                multiplied += done
            }
            #expect(multiplied / needed == Int(guesses))
            #expect(try await sites.counts(alice).allSatisfy { $0.count <= limit + 1 && $0.ceiling == limit + 1 })
        }
    }
}
