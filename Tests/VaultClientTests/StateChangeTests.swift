import Testing
import VaultAPI

@testable import VaultClient

/// What an unfinished enrollment does to a device's state when other things happen in between.
@Suite struct StateChangeTests {
    static func pending(generation: UInt32, id: UInt8, key: UInt8, older: [UInt8] = []) throws -> PendingEnrollment {
        var recipe = try Fixture.recipe()
        recipe.generation = generation
        recipe.enrollment = try #require(EnrollmentID([UInt8](repeating: id, count: 16)))
        let object = SealedObject(publicArea: Bytes([1]), duplicate: Bytes([2]), encryptedSeed: Bytes([3]))
        let share = PendingEnrollment.Share(
            commit: Commit(
                recipe: recipe, confirmation: Bytes([4]), openKey: Bytes([5]), bundle: object, olderKeys: Bytes([])),
            bundle: [7], openKey: shared(0xC0), tickets: [])
        return PendingEnrollment(
            recipe: recipe, shares: [share], backupKey: shared(key), limitSeed: shared(id),
            older: older.map { GenerationKey(generation: 1, key: shared($0)) })
    }

    static func hasTicket(_ state: DeviceState, _ id: UInt8) -> Bool {
        state.toBurn.contains { $0.enrollment.bytes == [UInt8](repeating: id, count: 16) }
    }

    @Test("an enrollment that was recovered before it was settled is not burnt for itself")
    func recoveredThenSettled() throws {
        var state = DeviceState(account: try Fixture.account())
        let pending = try Self.pending(generation: 1, id: 1, key: 0xA1)
        state.journal(pending)
        state.take(try TakeTests.recovered(generation: 1, id: 1, key: 0xA1))
        #expect(state.pending == nil && state.enrollment?.recipe.enrollment == pending.recipe.enrollment)
        state.settle(pending)
        #expect(state.toBurn.isEmpty && holds(state.key?.key, 0xA1) && state.olderKeys.isEmpty)
    }

    @Test("a change that was recovered before it was settled burns the old slot alone")
    func changedThenRecovered() throws {
        var state = try TakeTests.state(generation: 1, id: 1, key: 0xA1)
        state.journal(try Self.pending(generation: 2, id: 2, key: 0xA2, older: [0xA1]))
        state.take(try TakeTests.recovered(generation: 2, id: 2, key: 0xA2, older: [0xA1]))
        #expect(Self.hasTicket(state, 1) && !Self.hasTicket(state, 2) && state.pending == nil)
    }

    @Test("a key made while an enrollment was unfinished stays when it is settled")
    func keyInBetween() throws {
        var state = DeviceState(account: try Fixture.account())
        let pending = try Self.pending(generation: 1, id: 1, key: 0xA1)
        state.journal(pending)
        state.keep(GenerationKey(generation: 1, key: shared(0xB1)))
        state.settle(pending)
        #expect(holds(state.key?.key, 0xA1) && state.olderKeys.contains { holds($0.key, 0xB1) })
    }

    @Test("an enrollment that is given up is to be burnt, and its exposure is remembered until another is live")
    func givenUp() throws {
        var state = DeviceState(account: try Fixture.account())
        state.journal(try Self.pending(generation: 1, id: 1, key: 0xA1))
        state.giveUpPending()
        #expect(state.pending == nil && Self.hasTicket(state, 1) && state.exposedLimit == 10)
        state.settle(try Self.pending(generation: 2, id: 2, key: 0xA2))
        #expect(state.exposedLimit == nil && Self.hasTicket(state, 1) && !Self.hasTicket(state, 2))
    }

    @Test("a key counts as behind a password from the moment its enrollment's last step is journaled")
    func behindPassword() throws {
        var state = DeviceState(account: try Fixture.account())
        state.keep(GenerationKey(generation: 1, key: shared(0xA1)))
        #expect(!state.keyIsBehindPassword)
        state.journal(try Self.pending(generation: 2, id: 2, key: 0xA2))
        #expect(!state.keyIsBehindPassword)
        state.journal(try Self.pending(generation: 1, id: 1, key: 0xA1))
        #expect(state.keyIsBehindPassword)
        state.giveUpPending()
        #expect(state.keyIsBehindPassword)
        state.keep(GenerationKey(generation: 1, key: shared(0xB1)))
        #expect(state.keyIsBehindPassword && holds(state.key?.key, 0xA1))
        #expect(state.olderKeys.contains { holds($0.key, 0xB1) })
    }

    @Test("a key that only rides along counts as behind that password, and one whose backup names a vault too")
    func ridingAlong() throws {
        var state = DeviceState(account: try Fixture.account())
        state.keep(GenerationKey(generation: 1, key: shared(0xA1)))
        state.journal(try Self.pending(generation: 2, id: 2, key: 0xA2, older: [0xA1]))
        #expect(state.keyIsBehindPassword)
        var other = DeviceState(account: try Fixture.account())
        other.keep(GenerationKey(generation: 3, key: shared(0xA1)), wasBehindPassword: true)
        #expect(other.keyIsBehindPassword)
    }

    @Test("exposures add up, and the key of an enrollment that is given up is kept with its generation")
    func exposuresAddUp() throws {
        var state = try TakeTests.state(generation: 1, id: 1, key: 0xA1)
        state.journal(try Self.pending(generation: 2, id: 2, key: 0xA2))
        state.giveUpPending()
        state.journal(try Self.pending(generation: 3, id: 3, key: 0xA3))
        state.giveUpPending()
        #expect(state.exposedLimit == 20 && state.olderKeys.map(\.generation).max() == 3)
        #expect(state.enrollment?.recipe.generation == 1 && holds(state.key?.key, 0xA1))
    }

    @Test("letting go of an enrollment keeps its key and the ticket to burn it")
    func letGo() throws {
        var state = try TakeTests.state(generation: 1, id: 1, key: 0xA1)
        state.letGo()
        #expect(state.enrollment == nil && Self.hasTicket(state, 1) && holds(state.key?.key, 0xA1))
        #expect(state.keyIsBehindPassword)
    }
}
