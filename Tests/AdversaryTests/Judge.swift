import ChipWitness
import VaultClient

/// What must hold after every step.
extension Scene {
    /// The bound of every enrollment, what the witness was alarmed by, and the slots as the chip has them.
    func judge(_ step: Int, _ tally: inout Tally) throws {
        let readings = recorder.look(at: Set(ledger.all.map(\.slot.handle)))
        tally.readings += readings.values.count { $0 != .unreadable }
        let witness = recorder.witness
        for entry in ledger.all {
            if let violation = witness.violation(of: entry.allowance) {
                throw Finding(kind: .bound, what: violation.description, step: step)
            }
            guard entry.firstWrites.count < 2 else {
                throw Finding(kind: .bound, what: "two first writes were signed for one enrollment", step: step)
            }
            if let excess = excess(readings, entry, witness) {
                throw Finding(kind: .bound, what: excess, step: step)
            }
        }
        if let alarm = witness.alarms.first { throw Finding(kind: .alarm, what: alarm, step: step) }
        for number in people.indices {
            guard let live = people[number].live, let entry = ledger.entries[live],
                let reading = readings[entry.slot.handle]
            else { continue }
            people[number].model.adopt(reading)
        }
    }

    /// A ceiling that would let the operator go beyond the bound, before it does.
    private func excess(
        _ readings: [UInt32: SlotReading], _ entry: Ledger.Entry, _ witness: Witness
    ) -> String? {
        guard case .written(let count, let ceiling) = readings[entry.slot.handle],
            let slot = witness.slots[entry.slot.handle],
            slot.area.name(written: true) == entry.slot.name(written: true)
        else { return nil }
        let evaluated = witness.evaluations(of: entry.allowance.key).count
        if count < ceiling, evaluated + Int(ceiling - count) > entry.allowance.mostEvaluations {
            return
                "\(evaluated) evaluations were made and \(ceiling - count) more are open, of \(entry.allowance.mostEvaluations):"
                + " limit \(entry.allowance.limit), \(entry.allowance.proved) proved, \(entry.allowance.granted) granted"
        }
        return evaluated > Int(count) ? "\(evaluated) evaluations were made, and only \(count) counted" : nil
    }

    /// An honest act without any interference ends as the person was promised, and leaves the slot so.
    func compare(
        _ number: Int, _ operation: AccountModel.Operation, _ outcome: Outcome, _ fault: Fault, _ step: Int,
        _ tally: inout Tally
    ) async throws {
        // What the operator hoards or holds back takes sessions of the chip's, and may deny.
        guard fault.isHonest, hoard.isEmpty, holding.isEmpty, !isCleared else {
            people[number].model = .unsure
            return
        }
        let before = people[number].model
        guard people[number].model.run(operation, outcome) else {
            throw Finding(kind: .outcome, what: "\(operation) at \(before) ended in \(outcome)", step: step)
        }
        try await settle(number, operation, outcome)
        guard people[number].model != .unsure else { return }
        tally.compared += 1
        guard let live = people[number].live, let entry = ledger.entries[live] else { return }
        let reading = recorder.look(at: [entry.slot.handle])[entry.slot.handle] ?? .unreadable
        guard people[number].model.agrees(with: reading) else {
            throw Finding(
                kind: .model, what: "\(operation) at \(before) left \(reading), not \(people[number].model)",
                step: step)
        }
    }

    /// Whoever enrolled anew, or recovered what the device has as well, has been promised everything again.
    private func settle(_ number: Int, _ operation: AccountModel.Operation, _ outcome: Outcome) async throws {
        guard people[number].model == .unsure, people[number].isSettled, let live = people[number].live,
            let entry = ledger.entries[live]
        else { return }
        switch (operation, outcome) {
        case (.enroll, .done): break
        case (.recover, .recovered):
            guard let home = people[number].recovered else { return }
            let other = try await device(of: number, in: home)
            guard other.state.enrollment?.recipe.enrollment.bytes == live else { return }
        default: return
        }
        if case .written(let count, let ceiling) = recorder.look(at: [entry.slot.handle])[entry.slot.handle] {
            people[number].model = .live(count: count, ceiling: ceiling)
        }
    }
}
