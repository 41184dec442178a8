import ArgumentParser
import Foundation
import Secrets
import VaultClient

struct TuneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Measure Argon2id on this device, and suggest how much of it a new enrollment should ask for.",
        discussion: """
            Whoever breaks the vault's chip open pays this much for each password they try, and you wait for it at each \
            enrollment and recovery. A recovery asks as much of the device that it happens on: with a weaker one in mind, \
            tune there. Enrollments that exist keep what they have until the password is changed.

            Memory comes first; between 64 MiB and 1 GiB, no more than half of what is free now, and 3 to 10 passes.

              tenpin tune
              tenpin tune --seconds 2 --save
              tenpin enroll --memory "$(tenpin tune --json | jq .memoryMiB)"
            """)

    @Option(help: ArgumentHelp("The folder of this device's keys and pins. [$TENPIN_HOME]", valueName: "folder"))
    var home = defaultHome

    @Option(help: "How long a password may take, 0.1 to 60 seconds.")
    var seconds = 1.0

    @Flag(help: "Use the suggestion for new enrollments on this device.")
    var save = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard (0.1...60).contains(seconds) else { throw ValidationError("--seconds is between 0.1 and 60.") }
    }

    func run() async throws {
        let spinner = Spinner("Measuring Argon2id")
        let tuning = try await Tuning(target: .seconds(seconds), memoryLimitKiB: Self.spareKiB)
        _ = consume spinner
        if save { try WorkSetting(tuning.suggestion.parameters).save(in: DeviceHome(written: home)) }
        let report = TuneReport(tuning, target: seconds, saved: save)
        if json { return try printJSON(report) }
        report.show()
    }

    /// Half of the memory that is free or can be freed, in KiB (proc_meminfo(5)).
    private static var spareKiB: UInt32 {
        let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") } ?? ""
        return UInt32(clamping: (UInt64(line.filter(\.isNumber)) ?? 0) / 2)
    }
}

private struct TuneReport: Encodable {
    struct Measured: Encodable {
        let memoryMiB: UInt32
        let passes: UInt32
        let seconds: Double

        init(_ measurement: Tuning.Measurement) {
            memoryMiB = measurement.parameters.memoryKiB / 1024
            passes = measurement.parameters.passes
            seconds = (measurement.duration / .milliseconds(1)).rounded() / 1000
        }
    }

    let memoryMiB: UInt32
    let passes: UInt32
    let seconds: Double
    let targetSeconds: Double
    let saved: Bool
    let measured: [Measured]

    init(_ tuning: Tuning, target: Double, saved: Bool) {
        let suggestion = Measured(tuning.suggestion)
        (memoryMiB, passes, seconds) = (suggestion.memoryMiB, suggestion.passes, suggestion.seconds)
        targetSeconds = target
        self.saved = saved
        measured = tuning.measurements.map(Measured.init)
    }

    func show() {
        print("Argon2id with \(memoryMiB) MiB and \(passes) passes takes \(seconds) s on this device.")
        if seconds > targetSeconds { print("No enrollment may ask for less.") }
        let standard = Argon2id.Parameters.standard
        if memoryMiB * passes * 1024 < standard.memoryKiB * standard.passes {
            print("It is less work for a guesser than the usual 256 MiB and 3 passes.")
        }
        print(
            saved
                ? "New enrollments on this device ask for it."
                : "To use it: tenpin enroll --memory \(memoryMiB) --passes \(passes); or for all new ones, tenpin tune --save."
        )
    }
}
