import Foundation
import ProgramTestSupport
import Synchronization
import TPM
import TestSupport

/// The vault beside the floor: rounds that alternate on one emulated chip each, with few accounts and with many.
struct VaultBench {
    let rounds: Int

    /// How many devices recover at once.
    private static let crowds = [1, 4, 16, 64]
    /// How many accounts a chip has; all but the last serve only to compare with the first.
    private static let sizes = [10, 100, 900]
    private static let dead = 100_000

    func run(_ report: inout Report) async throws {
        try await Stage.bare { few in
            try await Stage.bare { some in
                try await Stage.bare { many in
                    var places: [Place] = []
                    for (stage, size) in zip([few, some, many], Self.sizes) {
                        say("enrolling \(size) accounts")
                        places.append(try await Place.prepare(stage, accounts: size))
                    }
                    try await measure(places, &report)
                }
            }
        }
    }

    private func measure(_ places: [Place], _ report: inout Report) async throws {
        var floor = Section("The floor: the fewest commands, straight to the chip")
        var vault = Section("The vault through its socket")
        var growth = Section("One device at a time, beside the floor on the same chip")
        var idle = Section("The vault's process")
        var audit = Section("An audit, the whole program")
        let main = places[1]

        try await count(at: main, &vault)
        let withDead = try await places[2].makeDeadStore(Self.dead)
        for round in 1...rounds {
            say("round \(round) of \(rounds)")
            try await main.floor(&floor, enrollments: 10)
            try await main.serve { served in
                idle.add("start-up to the first answer", "ms", served.startUp)
                idle.add("memory at rest", "MiB", try served.process.memory())
                for devices in Self.crowds {
                    try await served.recover(main.people, devices: devices, into: &vault)
                }
                for devices in [1, 16] {
                    let crowd = try await served.enroll(devices: devices, each: devices == 1 ? 10 : 2)
                    crowd.add(to: &vault, "enrollment, \(devices) device\(devices == 1 ? "" : "s")")
                }
                idle.add("memory after the round", "MiB", try served.process.memory())
            }
            try await places[2].audit(&audit)
            for place in places {
                try await alone(place, "\(place.people.count) accounts", &growth)
            }
            try await withDead.exchanged { place in
                try await alone(place, "\(place.people.count) accounts, \(Self.dead) dead records", &growth)
            }
        }
        report.sections += [floor, vault, growth, audit, idle]
        judge(floor, vault, growth, audit, idle, &report)
    }

    /// One device's recoveries and the floor's, one after the other.
    private func alone(_ place: Place, _ name: String, _ section: inout Section) async throws {
        var floor = Section("")
        try await place.floor(&floor)
        let bare = floor.median("recovery")
        section.add("\(name): floor", "ms", bare)
        try await place.serve { served in
            let crowd = try await served.recover(place.people, devices: 1, for: .seconds(1))
            section.add("\(name): vault", "ms", crowd.times(50))
            section.add("\(name): what the vault adds", "ms", crowd.times(50) - bare)
            section.add("\(name): vault's processor", "ms", crowd.vaultTime)
        }
    }

    /// The commands of one recovery and one enrollment, seen between vault and chip.
    private func count(at place: Place, _ section: inout Section) async throws {
        let relay = try ChipRelay(place.stage.chip)
        defer { relay.end() }
        try await place.serve("--tcti", relay.tcti) { served in
            let phone = try await served.phone()
            try await phone.recover(place.people[0])
            relay.begin()
            try await phone.proveChip()
            section.add("TPM commands, connecting", "", Double(relay.exchanges.count))
            relay.begin()
            try await phone.recover(place.people[0])
            section.add("TPM commands, recovery", "", Double(relay.exchanges.count))
            relay.begin()
            let person = try await phone.enroll("counted")
            section.add("TPM commands, enrollment", "", Double(relay.exchanges.count))
            try await phone.forget(person)
        }
    }

    private func judge(
        _ floor: Section, _ vault: Section, _ growth: Section, _ audit: Section, _ idle: Section,
        _ report: inout Report
    ) {
        report.targets += Target.ofRecoveries(floor, vault)
        let fewest = "\(Self.sizes[0]) accounts"
        let most = "\(Self.sizes[2]) accounts"
        for (name, one) in [
            ("900 accounts", most), ("900 accounts and dead records", "\(most), \(Self.dead) dead records"),
        ] {
            let ratio = { (name: String) in growth.median("\(name): vault") / growth.median("\(name): floor") }
            report.targets.append(
                Target("\(name), beside the floor as with 10", ratio(one) / ratio(fewest), .atMost, 1.05))
        }
        report.targets.append(
            Target(
                "an audit of 900 accounts, of its chip's processor time",
                audit.median(most) / audit.median("... the chip's processor in it"), .atMost, 1.3))
        report.targets.append(
            Target("start-up to the first answer, ms", idle.median("start-up to the first answer"), .atMost, 200))
    }
}

/// Tells on standard error how far it is.
func say(_ text: String) { FileHandle.standardError.write(Data("bench: \(text)\n".utf8)) }
