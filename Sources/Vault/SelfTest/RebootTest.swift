import TPM
import TPMDevice

extension SelfTest {
    /// What `--before-reboot` spends, of a ceiling that also remembers how often the chip was restarted until then.
    private static let spent: UInt32 = 3

    private static let property = "count-survives-restart"

    /// Arms a slot, spends some guesses of it, and leaves it on the chip for `afterReboot`.
    public func beforeReboot() throws -> SelfTestReport {
        try measured {
            _ = try ChipRequirements.check(chip)
            let bench = try workbench(.reboot)
            do {
                let restarts = try chip.restarts
                try bench.chip.run(
                    .nvDefineSpace(bench.slot.publicArea(written: false)), authorizedBy: chip.owner)
                try bench.write(.first(limit: Self.ceiling(restarts)))
                for _ in 0..<Self.spent { try bench.evaluate() }
                try bench.clear()
                return [
                    try Self.result(
                        .notTestable,
                        "the slot at \(bench.slot.handle) has a count of \(Self.spent); restart the machine, then run"
                            + " selftest --after-reboot")
                ]
            } catch {
                try? bench.clear()
                try? Throwaway.clear([.reboot], on: chip)
                throw error
            }
        }
    }

    /// Reads the slot that `beforeReboot` left, spends one more guess, and takes it away.
    public func afterReboot() throws -> SelfTestReport {
        try measured {
            try chip.flushLeftovers()
            let bench = try Workbench(chip, place: .reboot, stress: stress)
            guard try chip.knownIndex(at: bench.slot.handle) == bench.slot.publicArea(written: true)
            else { throw SelfTestError.notBegun }
            let found = try bench.count()
            guard found.ceiling != Self.ceiling(try chip.restarts) else { throw SelfTestError.notRestarted }
            let (outcome, seen) = try ChipProperty(Self.property, "") { bench in
                guard found.count == Self.spent, found.ceiling > Self.ceiling(0) - 1 else {
                    throw ChipProperty.Broken(
                        "the count is \(found.count) instead of \(Self.spent), the ceiling \(found.ceiling)")
                }
                try bench.evaluate()
                try bench.expect(count: Self.spent + 1, ceiling: found.ceiling, after: "after one evaluation more")
                return "\(Self.spent) before and after the restart, \(Self.spent + 1) after one evaluation more"
            }.test(on: bench)
            try bench.clear()
            try Throwaway.clear([.reboot], on: chip)
            return [try Self.result(outcome, seen)]
        }
    }

    private static func ceiling(_ restarts: UInt32) -> UInt32 { 1000 &+ restarts }

    private static func result(_ outcome: ChipProperty.Outcome, _ seen: String) throws -> SelfTestReport.Property {
        let claim = ChipProperty.all.first { $0.id == property }?.claim ?? ""
        return SelfTestReport.Property(id: property, claim: claim, outcome: outcome, seen: seen)
    }
}

extension Chip {
    /// TPMS_CLOCK_INFO's resetCount: how often the chip was reset since it was last cleared. Part 2 §10.11.3.
    var restarts: UInt32 {
        get throws(ChipError) {
            let response = try run(.readClock)
            return try parse(response, to: .readClock) { (reader: inout Reader) throws(WireError) in
                _ = try reader.raw(16)
                return try reader.integer()
            }
        }
    }
}
