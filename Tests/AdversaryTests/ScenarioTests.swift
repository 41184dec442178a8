import ChipWitness
import Foundation
import ProgramTestSupport
import Testing

/// Fixed scenes: the operator's tools cut, so that the search means something; and the device's own program is a device.
@Suite(.timeLimit(.minutes(5))) struct ScenarioTests {
    /// Somebody enrolled with a limit of 3, and the operator is at the chip.
    private func enrolled(_ body: (Scene, Ledger.Entry, Operator) async throws -> Void) async throws {
        try await Scene.with { scene in
            #expect(try await scene.enroll(0, limit: 3, .none) == .done)
            let entry = try #require(scene.ledger.latest(of: 0))
            #expect(entry.allowance.limit == 3 && entry.allowance.proved == 1 && entry.firstWrites.count == 1)
            try await body(scene, entry, Operator(scene.recorder))
            var tally = Tally()
            try scene.judge(0, &tally)
            #expect(tally.readings == 1)
        }
    }

    @Test("at the chip itself the operator gets every guess of the limit, and none more")
    func all() async throws {
        try await enrolled { scene, entry, operators in
            try operators.guessOn(entry, most: 20)
            #expect(scene.recorder.witness.shareOfOperator(entry.allowance) == 3)
            let reading = scene.recorder.look(at: [entry.slot.handle])[entry.slot.handle]
            #expect(reading == .written(count: 4, ceiling: 4))
        }
    }

    @Test("a guess that was spent serves once, in the session and in copies of its context")
    func once() async throws {
        try await enrolled { scene, entry, operators in
            try operators.useTwice(entry)
            #expect(scene.recorder.witness.shareOfOperator(entry.allowance) == 1)
        }
    }

    @Test("hoarded sessions serve as many guesses as were spent for them")
    func hoard() async throws {
        try await enrolled { scene, entry, operators in
            let hoard = try operators.hoard(entry, 2)
            #expect(hoard.count == 2)
            try operators.spend(hoard)
            #expect(scene.recorder.witness.shareOfOperator(entry.allowance) == 2)
        }
    }

    @Test("hoarded sessions outlive a chip that is suspended, and serve as many guesses as were spent for them")
    func suspended() async throws {
        try await enrolled { scene, entry, operators in
            let hoard = try operators.hoard(entry, 2)
            try await scene.cutPower(suspending: true)
            try operators.spend(hoard)
            #expect(scene.recorder.witness.shareOfOperator(entry.allowance) == 2)
        }
    }

    @Test(
        "a slot that was defined anew is empty for ever, whatever was written to it before",
        arguments: Step.Redefinition.allCases)
    func redefined(redefinition: Step.Redefinition) async throws {
        try await enrolled { scene, entry, operators in
            try operators.redefine(entry, redefinition, back: true)
            #expect(scene.recorder.witness.shareOfOperator(entry.allowance) == 0)
            let reading = scene.recorder.look(at: [entry.slot.handle])[entry.slot.handle]
            #expect(reading == .unwritten)
        }
    }

    @Test("what the platform defined in a slot's place outlives a chip that is cleared, and gives nothing")
    func cleared() async throws {
        let steps: [Step] = [.enroll(0, limit: 2, .none), .redefine(0, .platformCreated, back: false), .clear]
        let (finding, tally) = try await Play.run(steps)
        #expect(finding == nil && tally.steps == 3 && tally.readings > 0)
    }

    @Test("with the program tenpin as the device, the operator gets limit and grants, less what was mistyped")
    func program() async throws {
        try await Scene.with { scene in
            let stage = scene.stage
            try await stage.enroll("phone", "carol", password: "first password", limit: 3)
            #expect(try await stage.at("tablet", "recover", "carol", password: "first password").status == 0)
            #expect(try await stage.at("tablet", "recover", "carol", password: "mistyped").status != 0)
            #expect(try await stage.at("phone", "grant", "carol", password: nil, "--guesses", "2", "--yes").status == 0)
            #expect(try await stage.at("laptop", "recover", "carol", password: "first password").status == 0)

            let witness = scene.recorder.witness
            let key = try #require(witness.evaluations.keys.first)
            #expect(witness.evaluations.count == 1)
            let slot = try #require(witness.slots.values.first?.area)
            var allowance = Allowance(key: key, limit: 3)
            // The enrollment's own, two recoveries; all of it so far came from the person.
            allowance.proved = 3
            allowance.granted = 2
            allowance.own = Set(witness.evaluations(of: key).map(\.element))
            #expect(allowance.own.count == 4)

            let entry = Ledger.Entry(person: 0, password: "", allowance: allowance, slot: slot)
            try Operator(scene.recorder).guessOn(entry, most: 20)
            let after = scene.recorder.witness
            #expect(after.shareOfOperator(allowance) == 3 + 2 - 1)
            #expect(after.violation(of: allowance) == nil && after.alarms.isEmpty)
        }
    }
}
