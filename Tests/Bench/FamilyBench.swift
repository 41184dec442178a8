import ProgramTestSupport
import TestSupport

/// Recoveries beside the floor on an emulated chip that answers as slowly as a real one does: what the targets come to where the
/// chip is the slowest part, as it is outside of trials. A prediction as good as the times in `ChipFamily`.
struct FamilyBench {
    let rounds: Int
    let families: [ChipFamily]

    private static let devices = 16
    /// How many recoveries of one device, and how often as many of all of them, a round measures at least.
    private static let recoveries = (alone: 10, each: 3)

    func run(_ report: inout Report) async throws {
        try await Stage.bare { stage in
            let place = try await Place.prepare(stage, accounts: Self.devices)
            for family in families { try await measure(family, at: place, &report) }
        }
    }

    private func measure(_ family: ChipFamily, at place: Place, _ report: inout Report) async throws {
        let relay = try ChipRelay(place.stage.chip, keepsConnections: true, plan: family.plan)
        defer { relay.end() }
        var floor = Section("\(family.name), predicted: the floor")
        var vault = Section("\(family.name), predicted: the vault")
        for round in 1...rounds {
            say("\(family.name): round \(round) of \(rounds)")
            try await place.floor(&floor, recoveries: Self.recoveries.alone, by: relay)
            let bare = Duration.milliseconds(floor.median("recovery"))
            try await place.serve("--tcti", relay.tcti) { served in
                for devices in [1, Self.devices] {
                    let most = devices == 1 ? Self.recoveries.alone : devices * Self.recoveries.each
                    let crowd = try await served.recover(
                        place.people, devices: devices, for: bare * most, into: &vault
                    ) { relay.begin(family.plan) }
                    let commands = Double(relay.exchanges.count) / Double(crowd.count)
                    vault.add("TPM commands for each, \(devices) device\(devices == 1 ? "" : "s")", "", commands)
                }
            }
        }
        report.sections += [floor, vault]
        report.targets += Target.ofRecoveries(floor, vault, on: family.name)
    }
}
