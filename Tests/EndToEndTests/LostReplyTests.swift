import DeviceTestSupport
import OPRF
import Synchronization
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// What a guess costs when its answer does not arrive.
@Suite struct LostReplyTests {
    @Test("a lost answer asked for again with the same element costs nothing, another element costs one")
    func again() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let enrollment = try await world.enroll(alice, "a password").enrollment()
            let elements = try (0..<2).map { _ in Bytes(try Scalar.random().publicKey().sec1) }
            let connection = try await world.dialer().connect()
            func ask(_ element: Bytes) async throws -> Evaluate.Reply {
                try await connection.call(Evaluate(account: alice, enrollment: enrollment, blinded: element))
            }
            let first = try await ask(elements[0])
            #expect(try await ask(elements[0]) == first)
            #expect(try await world.claimed(alice).count == 2)
            // Also from another connection, and after the vault and the chip were away.
            try await world.served.powerCut()
            let later = try await world.dialer().connect()
            let message = Evaluate(account: alice, enrollment: enrollment, blinded: elements[0])
            #expect(try await later.call(message) == first)
            #expect(try await world.claimed(alice).count == 2)
            let other = Evaluate(account: alice, enrollment: enrollment, blinded: elements[1])
            #expect(try await later.call(other).evaluated != first.evaluated)
            #expect(try await world.claimed(alice).count == 3)
            // Only the last one is kept.
            #expect(try await later.call(message).evaluated == first.evaluated)
            #expect(try await world.independentCount(alice) == SlotCount(count: 4, ceiling: 11))
        }
    }

    @Test("the device asks again with the same element, and the person pays one guess", arguments: [1, 2])
    func byItself(losses: Int) async throws {
        try await World.with { world in
            let alice = try account("alice")
            _ = try await world.enroll(alice, "a password")
            let courier = try world.courier()
            let link = try await world.link(courier, retries: 2)
            courier.begin { call in
                call.method == Evaluate.name && courier.calls(of: Evaluate.name).count <= losses ? .loseReply : .carry
            }
            var device = try world.device(alice)
            let outcome = try await device.recover(at: link, password: password("wrong"))
            #expect(Ending(outcome) == .wrongPassword(guessesLeft: 9))
            let asked = courier.calls(of: Evaluate.name)
            #expect(asked.count == losses + 1)
            #expect(Set(asked.map(\.parameters)).count == 1)
            #expect(try await world.claimed(alice).count == 2)
            await link.close()
        }
    }

    @Test("a device that is told that the vault is busy asks again, and the person pays one guess")
    func busy() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let key = try await world.enroll(alice, "a password").key()
            let courier = try world.courier()
            let link = try await world.link(courier, retries: 1)
            courier.begin { call in
                [LookUp.name, Evaluate.name].contains(call.method) && courier.calls(of: call.method).count == 1
                    ? .deny(.busy) : .carry
            }
            var device = try world.device(alice)
            let outcome = try await device.recover(at: link, password: password("a password"))
            #expect(Ending(outcome) == .recovered(key))
            #expect(courier.calls(of: Evaluate.name).count == 2)
            #expect(try await world.claimed(alice).count == 2)
            await link.close()
        }
    }

    @Test("the last guess, its answer lost, is answered when it is asked for again, and then there is none")
    func last() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let key = try await world.enroll(alice, "a password", limit: 1).key()
            let courier = try world.courier()
            let link = try await world.link(courier, retries: 1)
            courier.begin { call in
                call.method == Evaluate.name && courier.calls(of: Evaluate.name).count == 1 ? .loseReply : .carry
            }
            var device = try world.device(alice)
            let outcome = try await device.recover(at: link, password: password("a password"))
            #expect(Ending(outcome) == .recovered(key))
            await link.close()
            #expect(try await world.recover(alice, "wrong") == .wrongPassword(guessesLeft: 0))
            #expect(try await world.recover(alice, "a password") == .lockedOut)
        }
    }

    @Test("when no answer comes at all the person is told that a guess may have been spent")
    func never() async throws {
        try await World.with { world in
            let alice = try account("alice")
            _ = try await world.enroll(alice, "a password")
            for loss in Loss.allCases {
                let link = try await world.link(
                    try world.courier { $0.method == Evaluate.name ? loss.fate : .carry }, retries: 1)
                var device = try world.device(alice)
                let error = try await failure {
                    _ = try await device.recover(at: link, password: password("a password"))
                }
                #expect(error?.reason == .connectionLost && error?.guess == .maybeSpent)
                await link.close()
            }
        }
    }
}
