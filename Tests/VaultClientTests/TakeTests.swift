import Testing
import VaultAPI

@testable import VaultClient

/// What becomes of a device's state when a recovery gives something back.
@Suite struct TakeTests {
    static func recovered(generation: UInt32, id: UInt8, key: UInt8, older: [UInt8] = []) throws -> Recovered {
        var recipe = try Fixture.recipe()
        recipe.generation = generation
        recipe.enrollment = try #require(EnrollmentID([UInt8](repeating: id, count: 16)))
        return Recovered(
            key: GenerationKey(generation: generation, key: shared(key)),
            olderKeys: older.map { GenerationKey(generation: 1, key: shared($0)) }, recipe: recipe,
            confirmation: Bytes([4]), refunds: [], troubles: [], olderKeysFlaw: nil, limitSeed: shared(0xEE),
            tickets: [])
    }

    static func state(generation: UInt32, id: UInt8, key: UInt8) throws -> DeviceState {
        var state = DeviceState(account: try Fixture.account())
        state.take(try recovered(generation: generation, id: id, key: key))
        return state
    }

    @Test("a newer enrollment takes the old one's place, whose slot is to be burnt and whose key is kept")
    func newer() throws {
        var state = try Self.state(generation: 1, id: 1, key: 0xA1)
        state.take(try Self.recovered(generation: 2, id: 2, key: 0xA2, older: [0xA1]))
        #expect(holds(state.key?.key, 0xA2) && state.olderKeys.count == 1 && holds(state.olderKeys[0].key, 0xA1))
        #expect(state.enrollment?.recipe.generation == 2)
        #expect(state.toBurn.map(\.enrollment.bytes) == [[UInt8](repeating: 1, count: 16)])
    }

    @Test("an older enrollment that the vault serves again does not displace or burn the newer one")
    func older() throws {
        var state = try Self.state(generation: 2, id: 2, key: 0xA2)
        state.take(try Self.recovered(generation: 1, id: 1, key: 0xA1))
        #expect(holds(state.key?.key, 0xA2) && holds(state.olderKeys.first?.key, 0xA1))
        #expect(state.enrollment?.recipe.generation == 2 && state.toBurn.isEmpty)
    }

    @Test("another enrollment of the same generation burns nothing, and no key is lost")
    func same() throws {
        var state = try Self.state(generation: 1, id: 1, key: 0xA1)
        state.take(try Self.recovered(generation: 1, id: 2, key: 0xA2))
        #expect(holds(state.key?.key, 0xA2) && holds(state.olderKeys.first?.key, 0xA1))
        #expect(state.toBurn.isEmpty)
    }

    @Test("the same recovery twice changes nothing")
    func twice() throws {
        var state = try Self.state(generation: 1, id: 1, key: 0xA1)
        state.take(try Self.recovered(generation: 1, id: 1, key: 0xA1))
        #expect(holds(state.key?.key, 0xA1) && state.olderKeys.isEmpty && state.toBurn.isEmpty)
    }
}
