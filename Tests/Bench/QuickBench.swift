import ProgramTestSupport

/// Recoveries of one device and of 16 beside the floor, and an audit, with 64 accounts: what a change to the vault is tried with.
struct QuickBench {
    let rounds: Int

    func run(_ report: inout Report) async throws {
        try await Stage.bare { stage in
            let place = try await Place.prepare(stage, accounts: 64)
            var floor = Section("The floor: the fewest commands, straight to the chip")
            var vault = Section("The vault through its socket")
            var audit = Section("An audit, the whole program")
            for round in 1...rounds {
                say("round \(round) of \(rounds)")
                try await place.floor(&floor)
                try await place.serve { served in
                    for devices in [1, 16] { try await served.recover(place.people, devices: devices, into: &vault) }
                }
                try await place.audit(&audit)
            }
            report.sections += [floor, vault, audit]
            report.targets += Target.ofRecoveries(floor, vault)
        }
    }
}
