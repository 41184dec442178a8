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
            let key = try #require(try await world.enroll(alice, "correct horse").key)
            #expect(try await world.independentCount(alice) == SlotCount(count: 1, ceiling: 11))

            #expect(try await world.recover(alice, "correct horse") == .recovered(key))
            #expect(try await world.independentCount(alice) == SlotCount(count: 2, ceiling: 12))

            #expect(try await world.recover(alice, "wrong horse") == .wrongPassword(guessesLeft: 9))
            #expect(try await world.recover(alice, "correct horse") == .recovered(key))
            #expect(try await world.independentCount(alice) == SlotCount(count: 4, ceiling: 13))
        }
    }
}
