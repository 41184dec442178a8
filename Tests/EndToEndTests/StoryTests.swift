import DeviceTestSupport
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// The whole story, by the device's own code at a vault that does what it should.
@Suite struct StoryTests {
    @Test("a person who lost every device gets the backup key back with the password, and the guess with it")
    func recover() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let key = try await world.enroll(alice, "correct horse").key()
            #expect(try await world.independentCount(alice) == SlotCount(count: 1, ceiling: 11))

            #expect(try await world.recover(alice, "correct horse") == .recovered(key))
            #expect(try await world.independentCount(alice) == SlotCount(count: 2, ceiling: 12))

            #expect(try await world.recover(alice, "wrong horse") == .wrongPassword(guessesLeft: 9))
            #expect(try await world.recover(alice, "correct horse") == .recovered(key))
            #expect(try await world.independentCount(alice) == SlotCount(count: 4, ceiling: 13))
        }
    }

    @Test(
        "exactly `limit` wrong guesses, then the chip refuses the right password too, also after a power cut",
        arguments: [1, 3, 10] as [UInt32])
    func limits(limit: UInt32) async throws {
        try await World.with { world in
            let alice = try account("alice")
            let device = try await world.enroll(alice, "correct horse", limit: limit)
            let key = try device.key()
            for left in (0..<limit).reversed() {
                #expect(try await world.recover(alice, "wrong \(left)") == .wrongPassword(guessesLeft: left))
            }
            for typed in ["wrong horse", "correct horse"] {
                #expect(try await world.recover(alice, typed) == .lockedOut)
            }
            try await world.served.powerCut()
            #expect(try await world.recover(alice, "correct horse") == .lockedOut)
            #expect(try await world.independentCount(alice) == SlotCount(count: limit + 1, ceiling: limit + 1))

            let link = try await world.link()
            #expect(try await device.grant(1, at: link) == SlotCount(count: limit + 1, ceiling: limit + 2))
            #expect(try await world.recover(alice, "correct horse") == .recovered(key))
            let status = try #require(try await device.status(at: link).proven)
            #expect(status.slot == SlotCount(count: limit + 2, ceiling: limit + 3))
            #expect(status.granted == 1)
            // The wrong ones; the enrollment's own evaluation and the recovery's are accounted for.
            #expect(status.unproven == limit)
            await link.close()
        }
    }

    @Test("what others guessed is shown to the person, by the chip and not by the vault")
    func strangers() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let device = try await world.enroll(alice, "correct horse", limit: 5)
            let enrollment = try device.enrollment()
            for _ in 0..<3 { #expect(try await world.operatorGuesses(alice, enrollment)) }

            // The vault says that nothing was.
            let liar = try world.courier { call in
                call.method == LookUp.name ? .alter { $0.setting(["count"], to: .number(1)) } : .carry
            }
            let link = try await world.link(liar)
            let status = try await device.status(at: link)
            await link.close()
            #expect(status.claimed.count == 1)
            #expect(status.proven?.slot == SlotCount(count: 4, ceiling: 6))
            #expect(status.proven?.unproven == 3)
        }
    }

    @Test(
        "change-password gives a new key and keeps the old one; forget leaves nothing on the chip and all on the device"
    )
    func changeAndForget() async throws {
        try await World.with { world in
            let alice = try account("alice")
            var device = try await world.enroll(alice, "first password")
            let first = try device.key()
            let link = try await world.link()
            try await device.changePassword(at: link, to: password("second password"), choice: .floor())
            let second = try device.key()
            #expect(second != first)

            #expect(try await world.recover(alice, "first password") == .wrongPassword(guessesLeft: 9))
            var another = try world.device(alice)
            let outcome = try await another.recover(at: link, password: password("second password"))
            #expect(Ending(outcome) == .recovered(second))
            #expect(another.olderKeys == [first])
            await link.close()
            let changed = try await world.inventory()
            #expect(changed.only(of: alice)?.state == "live")
            #expect(changed.agrees)

            let last = try await world.link()
            try await device.forget(at: last)
            #expect(
                try await failure { _ = try await world.recover(alice, "second password") }?.reason
                    == .fault(.unknownAccount))
            await last.close()
            let forgotten = try await world.inventory()
            #expect(forgotten.rows.isEmpty && forgotten.slots.isEmpty)
            #expect(try device.key() == second)
            #expect(device.olderKeys == [first])
        }
    }
}
