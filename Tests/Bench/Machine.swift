import Foundation
import TestSupport

/// Where it was measured.
struct Machine: Encodable, Sendable {
    let processor: String
    let cores: Int
    let memoryMiB: Int
    let system: String
    let emulator: String
    /// What else the machine had to do when it began: the load of the last minute.
    let load: Double
    let date: String

    static func current() async throws -> Machine {
        func file(_ path: String) -> [Substring] {
            (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n") ?? []
        }
        let processor = file("/proc/cpuinfo").first { $0.hasPrefix("model name") }?.split(separator: ":").last ?? "?"
        let system = file("/proc/sys/kernel/osrelease").first ?? "?"
        let load = file("/proc/loadavg").first?.split(separator: " ").first.flatMap { Double($0) } ?? 0
        let emulator = try await withSwtpm(.uncertified) { chip in
            try await chip.run(["swtpm", "--version"]).split(separator: ",").first ?? "?"
        }
        return Machine(
            processor: processor.trimmingCharacters(in: .whitespaces),
            cores: ProcessInfo.processInfo.activeProcessorCount,
            memoryMiB: Int(ProcessInfo.processInfo.physicalMemory >> 20), system: "Linux \(system)",
            emulator: String(emulator), load: load, date: Date.now.formatted(.iso8601.year().month().day()))
    }

    var text: String {
        "Measured on \(date): \(processor), \(cores) cores, \(memoryMiB) MiB, \(system), \(emulator);"
            + " load before it began \(formatted(load))."
    }
}
