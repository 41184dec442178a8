import ArgumentParser
import Foundation

@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenpin-bench",
        abstract: "Measures the vault beside what its chip allows.",
        discussion: """
            Prints tables on standard output. Rounds alternate between the floor (the fewest commands, straight to the chip) \
            and the vault; each figure is the median of the rounds, with the least and the most beside it.

            EXAMPLES
              tenpin-bench --json bench.json
              tenpin-bench --quick          # 64 accounts, recoveries and an audit, in half a minute
              tenpin-bench --family amd     # recoveries on an emulator that is as slow as such a chip
              tenpin-bench --check          # exit code 1 where a target was missed
            """)

    @Option(help: "Where to write all values as JSON.")
    var json: String?

    @Option(help: "How many rounds.")
    var rounds = 3

    @Flag(help: "Measure recoveries and an audit alone, with 64 accounts.")
    var quick = false

    @Option(help: "Measure recoveries on an emulator that is as slow as this family of chips; may be repeated.")
    var family: [ChipFamily] = []

    @Flag(help: "End with exit code 1 where a target was missed.")
    var check = false

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds takes a number from 1 to 100.") }
        guard !quick || family.isEmpty else { throw ValidationError("--quick and --family are two things to measure.") }
    }

    func run() async throws {
        var report = Report(machine: try await Machine.current())
        if !family.isEmpty {
            try await FamilyBench(rounds: rounds, families: family).run(&report)
        } else if quick {
            try await QuickBench(rounds: rounds).run(&report)
        } else {
            try await VaultBench(rounds: rounds).run(&report)
        }
        print(report.text)
        if let json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(report).write(to: URL(filePath: json), options: .atomic)
        }
        if check, report.targets.contains(where: { !$0.held }) { throw ExitCode(1) }
    }
}
