import Foundation
import GRDB
import ProgramTestSupport
import TPM
import TestSupport

/// A chip with a vault and people enrolled at it.
struct Place {
    let stage: Stage
    let vault: KnownVault
    let people: [Person]

    static func prepare(_ stage: Stage, accounts: Int) async throws -> Place {
        try await stage.provision()
        try liftDailyLimit(stage.home)
        let running = try await stage.serve()
        let served = Served(stage: stage, vault: running, startUp: 0)
        let phones = try await served.phones(min(4, accounts))
        let people = try await withThrowingTaskGroup(of: [Person].self) { group in
            for (place, phone) in phones.enumerated() {
                group.addTask {
                    var own: [Person] = []
                    for number in stride(from: place, to: accounts, by: phones.count) {
                        own.append(try await phone.enroll("person-\(number)"))
                    }
                    return own
                }
            }
            return try await group.reduce(into: [Person]()) { $0 += $1 }
        }
        let known = phones[0].vault
        for phone in phones { await phone.client.close() }
        try await stage.stop()
        return Place(stage: stage, vault: known, people: people)
    }

    /// An account has a hundred evaluations a day, and here it needs them in a minute.
    private static func liftDailyLimit(_ home: String) throws {
        let file = URL(filePath: home + "/vault.json")
        guard var fields = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] else {
            throw HarnessError("no vault.json")
        }
        fields["writesPerDay"] = 10_000_000
        try JSONSerialization.data(withJSONObject: fields).write(to: file)
    }

    /// Has the vault audited by the program, from its start to its end, while nobody serves it.
    func audit(_ section: inout Section) async throws {
        guard let identifier = stage.chip.processIdentifier else { throw HarnessError("the chip is gone") }
        let chip = ProcessUse(identifier: identifier)
        let (begun, before) = (ContinuousClock.now, try chip.processorTime())
        let ended = try await stage.desk.run(.vault, ["audit", "--home", stage.home, "--allow-emulated"])
        // It looked, whatever it found.
        guard [0, 10, 11, 12].contains(ended.status) else { throw HarnessError("an audit: \(ended.errors)") }
        section.add("\(people.count) accounts", "ms", (ContinuousClock.now - begun) / .milliseconds(1))
        section.add("... the chip's processor in it", "ms", try chip.processorTime() - before)
    }

    /// Serves the vault while `body` runs.
    func serve(_ arguments: String..., body: (Served) async throws -> Void) async throws {
        let begun = ContinuousClock.now
        let running =
            arguments.isEmpty ? try await stage.serve() : try await stage.serve(arguments[0], arguments[1])
        let served = Served(stage: stage, vault: running, startUp: 0)
        let phone = try await served.phone()
        let startUp = (ContinuousClock.now - begun) / .milliseconds(1)
        await phone.client.close()
        try await body(Served(stage: stage, vault: running, startUp: startUp))
        try await stage.stop()
    }

    /// Measures the floor: recoveries of someone enrolled there, and enrollments. By a relay where one is given.
    func floor(
        _ section: inout Section, recoveries: Int = 60, enrollments: Int = 0, by relay: ChipRelay? = nil
    ) async throws {
        let raw = try relay?.raw() ?? stage.chip.raw()
        let floor = try Floor(raw, home: stage.home, vault: vault)
        var subject = try floor.enroll("floor", slot: Self.floorSlots)
        for _ in 0..<5 { try floor.recover(&subject) }
        var times: [Duration] = []
        for _ in 0..<recoveries {
            let (_, time, commands) = try floor.measuring { try floor.recover(&subject) }
            times.append(time)
            if times.count == 1 { section.add("TPM commands, recovery", "", Double(commands)) }
        }
        let recovery = Percentiles(times)
        section.add("recovery", "ms", recovery(50))
        section.add("recovery, 95th percentile", "ms", recovery(95))
        times = []
        for number in 0..<enrollments {
            let (one, time, commands) = try floor.measuring {
                try floor.enroll("floor-\(number)", slot: Handle(Self.floorSlots.rawValue + 1))
            }
            times.append(time)
            if number == 0 { section.add("TPM commands, enrollment", "", Double(commands)) }
            try floor.remove(one)
        }
        if enrollments > 0 { section.add("enrollment", "ms", Percentiles(times)(50)) }
        try floor.remove(subject)
        try floor.end()
    }

    /// Handles at the end of the slots' range, where the vault's random ones hardly ever are.
    private static let floorSlots = Handle(Handle.slots.upperBound - 0x100)

    /// A copy of this place's store with so many records of what is over.
    func makeDeadStore(_ count: Int) async throws -> DeadStore {
        let (store, copy) = (stage.home + "/vault.sqlite", stage.home + "/dead.sqlite")
        try DeadStore.settle(store)
        try FileManager.default.copyItem(atPath: store, toPath: copy)
        let queue = try DatabaseQueue(path: copy)
        try await queue.write { database in
            // What the accounts of other days did.
            try database.execute(
                sql: """
                    WITH RECURSIVE number (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM number WHERE value < ?)
                        INSERT INTO accountDay (account, kind, day, writes)
                        SELECT 'forgotten-' || value, 'guess', unixepoch() / 86400, 1 FROM number
                    """, arguments: [count])
        }
        try queue.close()
        return DeadStore(place: self, copy: copy)
    }
}

/// A place with another store in the place of its own.
struct DeadStore {
    let place: Place
    let copy: String

    /// Exchanges the stores while `body` runs; no vault is served before or after.
    func exchanged(_ body: (Place) async throws -> Void) async throws {
        let (store, own) = (place.stage.home + "/vault.sqlite", place.stage.home + "/own.sqlite")
        let files = FileManager.default
        try Self.settle(store)
        try files.moveItem(atPath: store, toPath: own)
        try files.moveItem(atPath: copy, toPath: store)
        try await body(place)
        try Self.settle(store)
        try files.moveItem(atPath: store, toPath: copy)
        try files.moveItem(atPath: own, toPath: store)
    }

    /// Brings all of a store into its one file.
    static func settle(_ path: String) throws {
        let queue = try DatabaseQueue(path: path)
        _ = try queue.writeWithoutTransaction { try Row.fetchAll($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try queue.close()
    }
}
