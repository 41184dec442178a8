import ChipWitness
import Foundation
import Testing

/// The search: long random programs of honest and hostile operations on the real programs, each step compared with the
/// models, each enrollment with its bound. `./swtpm-setup adversary` runs it for as long as one likes.
@Suite struct SearchTests {
    /// Steps of one program, unless `TENPIN_ADVERSARY_STEPS` says otherwise.
    private static let length = 40

    private static func setting<T: LosslessStringConvertible>(_ name: String) -> T? {
        ProcessInfo.processInfo.environment["TENPIN_ADVERSARY_\(name)"].flatMap { T($0) }
    }

    @Test("guesses obtained never exceed limit, whatever the operator does")
    func search() async throws {
        let seed: UInt64 = Self.setting("SEED") ?? UInt64.random(in: 1...999_999_999)
        let minutes: Double = Self.setting("MINUTES") ?? 1.6
        let length: Int = Self.setting("STEPS") ?? Self.length
        let deadline = ContinuousClock.now + .seconds(minutes * 60)
        var tally = Tally()
        var number: UInt64 = 0
        repeat {
            var generator = Generator(seed: seed &+ number)
            let program = generator.program(length: length)
            let (finding, more) = try await Play.run(program, until: deadline)
            tally += more
            print("adversary: seed \(seed &+ number): \(more)")
            if let finding {
                let shown = try await Self.shrink(program, finding)
                Issue.record("seed \(seed &+ number) found \(shown)")
                break
            }
            number += 1
        } while ContinuousClock.now < deadline
        print("adversary: \(tally), from seed \(seed) on")
        #expect(tally.readings > 0 && tally.evaluations > 0 && tally.compared > 0)
    }

    /// The least program that still finds something of the kind, with what it finds.
    private static func shrink(_ program: [Step], _ finding: Finding) async throws -> String {
        var last = finding
        let shortest = try await Shrinking.shortest(Array(program.prefix(finding.step + 1)), trials: 40) { part in
            guard !part.isEmpty, let found = try await Play.run(part).0, found.kind == finding.kind else {
                return false
            }
            last = found
            return true
        }
        let lines = shortest.map { "    \($0)" }.joined(separator: "\n")
        return "\(last)\nwith the program\n\(lines)"
    }
}
