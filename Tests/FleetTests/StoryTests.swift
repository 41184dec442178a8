import DeviceTestSupport
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// Two of three vaults, each with its chip: what a person does, and what may be lost meanwhile.
@Suite struct StoryTests {
    @Test("two of three bring the key back, whichever one is gone; one alone gives nothing and spends nothing")
    func losses() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse").key()
            #expect(try await sites.counts(alice) == .init(repeating: SlotCount(count: 1, ceiling: 6), count: 3))

            // Every recovery takes one evaluation of each chip that answers, and gives it back there.
            var counts = [1, 1, 1] as [UInt32]
            for gone in [[], [0], [1], [2]] as [[Int]] {
                sites.begin()
                for number in gone { sites.couriers[number].die() }
                let recovered = try #require(try await sites.recover(alice, "correct horse").recovered)
                #expect(recovered.key.key.bytes.published == key, "without \(gone)")
                #expect(recovered.refunds.count == 3 - gone.count && recovered.troubles.count == gone.count)
                for number in 0..<3 where !gone.contains(number) { counts[number] += 1 }
                #expect(try await sites.counts(alice) == counts.map { SlotCount(count: $0, ceiling: $0 + 5) })
            }
            for left in 0..<3 {
                sites.begin()
                for number in 0..<3 where number != left { sites.couriers[number].die() }
                let error = try await failure { _ = try await sites.recover(alice, "correct horse") }
                guard case .tooFew(needed: 2, let missing) = error?.reason else {
                    Issue.record("\(left) alone: \(String(describing: error))")
                    continue
                }
                #expect(missing.count == 2 && error?.guess == .notSpent)
            }
            #expect(try await sites.counts(alice) == counts.map { SlotCount(count: $0, ceiling: $0 + 5) })
        }
    }

    @Test("a wrong password is certain when more vaults agree than are needed, and said to be uncertain when not")
    func wrongPassword() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse").key()
            guard case .wrongPassword(guessesLeft: 4) = try await sites.recover(alice, "wrong horse") else {
                Issue.record("not a wrong password")
                return
            }
            sites.couriers[2].die()
            let error = try await failure { _ = try await sites.recover(alice, "wrong horse") }
            #expect(error == VaultClientError(.wrongOrLied(guessesLeft: 3), .spent))
            #expect(try await sites.recover(alice, "correct horse").key == key)
        }
    }

    @Test("nobody waits for a vault that does not answer")
    func slow() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse").key()
            for method in [LookUp.name, Evaluate.name, Open.name, WriteSlot.name] {
                sites.begin()
                let gate = Gate()
                sites.couriers[0].begin { call in
                    if call.method == method { await gate.wait() }
                    return .carry
                }
                // It is still shut when the recovery has ended.
                #expect(try await sites.recover(alice, "correct horse", isHurried: true).key == key, "\(method)")
                await gate.open()
            }
        }
    }

    @Test("an account is locked out when too few vaults are left that allow a guess, and another grant helps")
    func lockedOut() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let device = try await sites.enroll(alice, "correct horse", limit: 1)
            guard case .wrongPassword(guessesLeft: 0) = try await sites.recover(alice, "wrong horse") else {
                Issue.record("not a wrong password")
                return
            }
            guard case .lockedOut = try await sites.recover(alice, "correct horse") else {
                Issue.record("not locked out")
                return
            }
            let fleet = try await sites.fleet([0, 1])
            let granted = await device.grants(1, at: fleet)
            await fleet.close()
            #expect(granted.allSatisfy { (try? $0.get())?.guessesLeft == 1 })
            // The third vault refuses, and the two that were granted are enough.
            #expect(try await sites.recover(alice, "correct horse").key == device.key())
        }
    }

    @Test("a lost vault is replaced by a change of password with another one; its unburnt slot is named and counted")
    func replaced() async throws {
        try await Sites.with(4) { sites in
            let alice = try Account("alice")
            var device = try sites.device(alice)
            let first = try await sites.fleet([0, 1, 2])
            try await device.enroll(at: first, password: password("first"), choice: .floor())
            await first.close()
            let old = try device.key()

            let second = try await sites.fleet([0, 1, 3])
            try await device.changePassword(at: second, to: password("second"), choice: .floor())
            await second.close()
            #expect(try await sites.recover(alice, "second", at: [0, 1, 3]).key == device.key())
            #expect(try device.key() != old && device.state.olderKeys.contains { $0.key.bytes.published == old })
            #expect(device.state.toBurn.map(\.endorsementName) == [first.links[2].vault.endorsementName.bytes])
            // The old password has one share left, which is worth nothing.
            let error = try await failure { _ = try await sites.recover(alice, "first", at: [2]) }
            #expect(error?.guess == .notSpent)

            // When it is met again, it is burnt too.
            let back = try await sites.fleet([2])
            #expect(try await device.finish(at: back).count == 1)
            await back.close()
            #expect(device.state.toBurn.isEmpty)
        }
    }

    @Test("forgetting burns everywhere, and a vault that is missing is kept in mind")
    func forget() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            var device = try await sites.enroll(alice, "correct horse")
            sites.couriers[1].die()
            let fleet = try await sites.fleet()
            #expect(try await device.forget(at: fleet).count == 2)
            await fleet.close()
            #expect(device.state.toBurn.count == 1)
            sites.begin()
            let all = try await sites.fleet()
            #expect(try await device.finish(at: all).count == 1)
            await all.close()
            #expect(device.state.toBurn.isEmpty)
            #expect(try await sites.leftovers() == [[0, 0], [0, 0], [0, 0]])
        }
    }
}
