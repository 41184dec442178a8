import ChipWitness
import Foundation
import Testing

/// The oracle can fail: fed with streams that break the bound, it says so.
@Suite struct OracleTests {
    private static let slot = IndexArea(
        field(UInt32(0x0180_0001)) + field(UInt16(0x000B)) + field(UInt32(0x020C_0098))
            + sized([UInt8](repeating: 7, count: 32)) + field(UInt16(8)))
    /// TPM2B_PUBLIC of a key, as far as a Name needs it.
    private static let key = sized(
        field(UInt16(0x0023)) + field(UInt16(0x000B)) + field(UInt32(0x0002_0480))
            + sized([UInt8](repeating: 9, count: 32)) + [0, 0x10, 0, 0x19, 0, 0x0B, 0, 3, 0, 0x10])

    private static func exchange(
        _ code: UInt32, _ handles: [UInt32], _ parameters: [UInt8] = [], answer: UInt32 = 0, handle: UInt32? = nil
    ) -> Witness.Exchange {
        let authorizations: [RawCommand.Authorization] =
            [0x154, 0x157, 0x149, 0x126, 0x12A, 0x137].contains(code) ? [.password] : []
        let body = (handle.map { field($0) } ?? []) + field(UInt32(0))
        return Witness.Exchange(
            command: RawCommand(code, handles, authorizations, parameters).bytes,
            said: field(UInt16(answer == 0 ? 0x8002 : 0x8001)) + field(UInt32(10 + (answer == 0 ? body.count : 0)))
                + field(answer) + (answer == 0 ? body : []))
    }

    private static func evaluation(_ number: UInt8, on handle: UInt32, answer: UInt32 = 0) -> Witness.Exchange {
        let point = sized(sized([UInt8](repeating: number, count: 32)) + sized([UInt8](repeating: 2, count: 32)))
        return exchange(0x154, [handle], point, answer: answer)
    }

    private static let load = exchange(0x157, [0x8100_0001], sized([1, 2, 3]) + key, handle: 0x8000_0000)
    private static let random = exchange(0x17B, [], [0, 16])

    @Test("three evaluations with a limit of two are a violation, shown by the four commands that make it")
    func shortest() throws {
        var witness = Witness()
        let stream =
            [Self.random, Self.load, Self.random, Self.evaluation(1, on: 0x8000_0000)]
            + [Self.evaluation(9, on: 0x8000_0000, answer: 0x12F), Self.evaluation(2, on: 0x8000_0000), Self.random]
        for exchange in stream { witness.see(exchange) }
        let allowance = Allowance(key: try #require(objectName(tpm2b: Self.key)), limit: 2)
        #expect(witness.violation(of: allowance) == nil)

        witness.see(Self.evaluation(3, on: 0x8000_0000))
        let violation = try #require(witness.violation(of: allowance))
        #expect(violation.shortest.count == 4)
        #expect(violation.description.contains("3 evaluations, 3 of them the operator's, with limit 2"))
        #expect(violation.description.contains("Load(0x81000001) by password"))
        #expect(!violation.description.contains("GetRandom"))
    }

    @Test("what the person evaluated and proved is not the operator's, but for a second evaluation of the same")
    func share() throws {
        var witness = Witness()
        let element = [UInt8]([2]) + [UInt8](repeating: 1, count: 32)
        var allowance = Allowance(key: try #require(objectName(tpm2b: Self.key)), limit: 1)
        allowance.own = [element]
        for exchange in [Self.load, Self.evaluation(1, on: 0x8000_0000)] { witness.see(exchange) }
        #expect(witness.shareOfOperator(allowance) == 0)
        witness.see(Self.evaluation(1, on: 0x8000_0000))
        #expect(witness.shareOfOperator(allowance) == 1)
        #expect(witness.violation(of: allowance) != nil)
        allowance.proved = 1
        #expect(witness.violation(of: allowance) == nil)
    }

    @Test("a key that another handle, or a cut of the power, took the place of is not mistaken for it")
    func handles() throws {
        var witness = Witness()
        let flush = Self.exchange(0x165, [], field(UInt32(0x8000_0000)))
        for exchange in [Self.load, flush, Self.evaluation(1, on: 0x8000_0000), Self.load, .powerCut] {
            witness.see(exchange)
        }
        witness.see(Self.evaluation(2, on: 0x8000_0000))
        #expect(witness.evaluations.isEmpty)
    }

    @Test("a chip that counts on at the ceiling, and a slot that holds something else than was written, raise an alarm")
    func alarms() throws {
        let slot = try #require(Self.slot)
        let handle = slot.handle
        var witness = Witness()
        witness.see(Self.exchange(0x12A, [0x4000_0001], sized([]) + sized(slot.bytes())))
        witness.see(Self.exchange(0x137, [handle, handle], sized([0, 0, 0, 0, 0, 0, 0, 1]) + [0, 0]))
        // Written by its own password: no chip does that with a slot, and so it is counted.
        #expect(!witness.alarms.isEmpty)

        var model = SlotModel.written(count: 0...0, ceiling: 1)
        let answers = [0, 0, SlotModel.atCeiling].map { model.authorized(answer: $0) }
        #expect(answers == [true, false, true] && model == .written(count: 1...1, ceiling: 1))
        let looks = [0, 1, 1].map { model.see(.written(count: $0, ceiling: 1)) }
        #expect(looks == [false, false, true])
        model = .unwritten
        // TPM_RC_NV_UNINITIALIZED.
        let unwritten = [0x14A, 0].map { model.authorized(answer: $0) }
        #expect(unwritten == [true, false])
    }

    @Test("a chip that is cleared forgets the owner's slots and keeps the platform's, and the oracle knows")
    func cleared() throws {
        let area = try #require(Self.slot)
        for (bits, hierarchy) in [(UInt32(0), UInt32(0x4000_0001)), (1 << 30, 0x4000_000C)] {
            var witness = Witness()
            let slot = area.bytes(attributes: area.attributes | bits)
            witness.see(Self.exchange(0x12A, [hierarchy], sized([]) + sized(slot)))
            witness.see(Self.exchange(0x126, [0x4000_000C]))
            witness.see(bits == 0 ? .undefined : .unwritten, at: area.handle)
            #expect(witness.alarms.isEmpty)
            witness.see(bits == 0 ? .unwritten : .undefined, at: area.handle)
            #expect(!witness.alarms.isEmpty)
        }
    }

    /// Emulated chips only: a real chip has no file that its host could copy. Out of the bound, and said so wherever a
    /// person looks; here it shows that the oracle sees a broken bound on the real programs.
    @Test("an emulated chip that is rolled back breaks the bound, and the oracle shows how")
    func rollback() async throws {
        try await Scene.with { scene in
            #expect(try await scene.enroll(0, limit: 2, .none) == .done)
            let entry = try #require(scene.ledger.latest(of: 0))
            let chip = scene.stage.chip
            scene.stage.kill()
            chip.stop()
            let state = try Data(contentsOf: chip.stateFile)
            for _ in 0..<2 {
                chip.stop()
                try state.write(to: chip.stateFile)
                try await scene.cutPower()
                try Operator(scene.recorder).guessOn(entry, most: 10)
            }
            let witness = scene.recorder.witness
            let violation = try #require(witness.violation(of: entry.allowance))
            #expect(witness.shareOfOperator(entry.allowance) == 4)
            // The person's one, and the third of the operator's.
            #expect(violation.shortest.count { $0.line.hasPrefix("ECDH_ZGen") && $0.line.hasSuffix("success") } >= 3)
        }
    }
}
