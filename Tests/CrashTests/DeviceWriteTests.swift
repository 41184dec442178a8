import Foundation
import ProgramTestSupport
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// The device's own disk at every write: `tenpin` killed in the middle of it, or no room for it. No key is lost, and the same
/// command works the next time.
@Suite("At every write of the device") struct DeviceWriteTests {
    /// A command that keeps something on the device.
    enum Command: String, CaseIterable, Sendable {
        case enroll
        case recover
        case change = "change-password"
        /// `enroll --replace`, on a device that knows nothing of what was enrolled before.
        case replace
    }

    @Test("of a command that talks to the vault", arguments: Command.allCases)
    func vault(command: Command) async throws {
        try await Bench.with { bench in
            // The first run is undisturbed, and counts.
            let length = try await attempt(command, bench, .none, 0)
            #expect(length > 8)
            for point in Sweep.points(2 * length, few: 6) {
                _ = try await attempt(command, bench, point % 2 == 0 ? .kill : .full, point / 2)
            }
            let rows = try bench.rows()
            #expect(rows.allSatisfy { $0.state == "live" })
            #expect(Set(rows.map { UInt32($0.slot.dropFirst(2), radix: 16) ?? 0 }) == (try bench.slots()))
        }
    }

    private func attempt(
        _ command: Command, _ bench: Bench, _ fault: FaultyDisk.Fault, _ number: Int
    ) async throws -> Int {
        let stage = bench.stage
        let before: Person? = command == .enroll ? nil : try await bench.person()
        let account = try before?.account ?? Account("person \(UUID().uuidString.prefix(8))")
        let folder = stage.desk("disk-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let home = DeviceHome(folder + "/home")
        if command == .change, let before {
            try FileManager.default.copyItem(atPath: before.home.path, toPath: home.path)
        }
        let old = try before.map { try Device($0.account, in: $0.home).state.key?.key.bytes.published }

        let disk = try FaultyDisk(record: folder + ".faults", below: folder)
        let typed = command == .change ? Person.second : Person.first
        stage.desk.write(typed + "\n", to: "typed")
        let work = command == .recover ? [] : ["--memory", "64", "--passes", "3"]
        let arguments =
            (command == .replace ? ["enroll", "--replace", "--yes"] : [command.rawValue])
            + ["--vault", stage.address, "--home", home.path, "--account", account.id]
            + ["--trust-root", stage.trustRoot, "--allow-emulated", "--accept-new-vault"] + work
            + [command == .change ? "--new-password-file" : "--password-file", stage.desk("typed")]
        let what = "\(command.rawValue), \(fault) at write \(number)"

        try disk.arm(fault, at: number)
        let first = try await stage.desk.run(.tenpin, arguments, environment: disk.environment)
        let writes = disk.writes
        switch fault {
        case .kill: #expect(first.status == 128 + SIGKILL, "\(what): \(first.errors)")
        case .none: #expect(first.status == 0, "\(what): \(first.errors)")
        default:
            // What was done by then stands; what was not is said in a sentence.
            #expect(first.status == 0 || first.errors.hasPrefix("tenpin: "), "\(what): \(first.errors)")
        }
        try disk.arm(.none)
        if fault != .none {
            let again = try await stage.desk.run(.tenpin, arguments, environment: disk.environment)
            // A first attempt that was finished all but for its last write leaves nothing to be done.
            let isDone = [.enroll, .replace].contains(command) && again.errors.contains("enrolled already")
            #expect(again.status == 0 || isDone, "\(what), again: \(again.errors)")
        }

        let kept = try Device(account, in: home).state
        #expect(kept.pending == nil && kept.toBurn.isEmpty, "\(what)")
        let keys = kept.olderKeys + [kept.key].compactMap { $0 }
        if let old, command != .replace {
            #expect(keys.contains { $0.key.bytes.published == old }, "\(what): the key is lost")
        }
        try await bench.withLink { link in
            var other = try Device(account, in: bench.newHome())
            let outcome = try await other.recover(at: link, password: password(typed))
            guard case .recovered(let recovered) = outcome else {
                Issue.record("\(what): \(outcome)")
                return
            }
            #expect(recovered.key.key.bytes.published == kept.key?.key.bytes.published, "\(what)")
        }
        return writes
    }

    /// Lends a desk with a photo in `pictures`, its backup `good`, and the folder `disk`, which is on a disk that can fail.
    private static func withPhoto(_ body: (Desk, FaultyDisk, [UInt8]) async throws -> Void) async throws {
        try await Desk.with { desk in
            try await desk.done(.tenpin, ["key", "new", "--home", "phone"], label: "key")
            for name in ["pictures", "disk"] {
                try FileManager.default.createDirectory(atPath: desk(name), withIntermediateDirectories: false)
            }
            let photo = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            desk.write(photo, to: "pictures/photo")
            try await desk.done(.tenpin, ["backup", "pictures", "--output", "good", "--home", "phone"])
            try await body(desk, try FaultyDisk(record: desk("faults"), below: desk("disk")), photo)
        }
    }

    @Test("of a backup and of a restore: whole or not at all, and nothing is left beside it after the next run")
    func backup() async throws {
        try await Self.withPhoto { desk, disk, photo in
            let backup = ["backup", "pictures", "--output", "disk/backup", "--home", "phone"]
            let restore = ["restore", "good", "--into", "disk/restored", "--home", "phone"]
            for (arguments, target) in [(backup, "disk/backup"), (restore, "disk/restored")] {
                try disk.arm(.none)
                try await desk.done(.tenpin, arguments, environment: disk.environment)
                let length = disk.writes
                #expect(length > 5)
                for point in Sweep.points(2 * length, few: 12) {
                    let (number, fault) = (point / 2, point % 2 == 0 ? FaultyDisk.Fault.kill : .full)
                    try? FileManager.default.removeItem(atPath: desk(target))
                    try disk.arm(fault, at: number)
                    let first = try await desk.run(.tenpin, arguments, environment: disk.environment)
                    #expect(first.status != 0 || desk.names(in: "disk") == [String(target.dropFirst(5))])
                    if fault == .full, first.status != 0 { #expect(desk.names(in: "disk").isEmpty, "\(number)") }
                    try disk.arm(.none)
                    // It may be complete already, when only the last write was cut off.
                    if !desk.names(in: "disk").contains(String(target.dropFirst(5))) || target == "disk/backup" {
                        try await desk.done(.tenpin, arguments, environment: disk.environment)
                        #expect(desk.names(in: "disk") == [String(target.dropFirst(5))], "\(target), write \(number)")
                    }
                    if target == "disk/backup" {
                        try? FileManager.default.removeItem(atPath: desk("out"))
                        try await desk.done(.tenpin, ["restore", "disk/backup", "--into", "out", "--home", "phone"])
                        #expect(desk.bytes("out/photo") ?? desk.bytes("out/pictures/photo") == photo)
                    } else {
                        #expect(desk.bytes("\(target)/photo") ?? desk.bytes("\(target)/pictures/photo") == photo)
                    }
                }
                try? FileManager.default.removeItem(atPath: desk(target))
            }
        }
    }

    @Test("of a disk that says only at the close that nothing was kept: no backup and no restore is said to be done")
    func close() async throws {
        try await Self.withPhoto { desk, disk, _ in
            try disk.arm(.close)
            for arguments in [
                ["backup", "pictures", "--output", "disk/backup"], ["restore", "good", "--into", "disk/restored"],
                ["restore", "good", "--output", "disk/archive"],
            ] {
                let ended = try await desk.run(
                    .tenpin, arguments + ["--home", "phone"], environment: disk.environment)
                #expect(ended.status == 1)
                #expect(ended.errors.hasPrefix("tenpin: Writing failed: Input/output error"), "\(ended.errors)")
                #expect(desk.names(in: "disk").isEmpty)
            }
        }
    }
}
