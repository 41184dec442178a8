import Foundation
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// What the commands to the chip come to: time on a slow chip, and wear.
@Suite("What an operation costs the chip", .timeLimit(.minutes(5)))
struct CostTests {
    /// Runs `body` and gives the commands that reached the chip meanwhile, by TPM_CC, as `code×number`, in the order of the codes.
    private static func commands(
        of crowd: Crowd, _ body: () async throws -> Void
    ) async throws -> (total: Int, text: String) {
        crowd.relay.begin()
        try await body()
        // The end of a connection is handled after its last call.
        try await Task.sleep(for: .milliseconds(300))
        let counts = crowd.relay.exchanges.reduce(into: [UInt32: Int]()) { $0[$1.command.code, default: 0] += 1 }
        let text = counts.sorted { $0.key < $1.key }.map { "0x\(String($0.key, radix: 16))×\($0.value)" }
        return (counts.values.reduce(0, +), text.joined(separator: " "))
    }

    /// Prints what a recovery without Argon2id takes of the processor, in the vault and in the emulated chip.
    private static func tellProcessorTime(
        of crowd: Crowd, recovering person: Prepared, at link: VaultLink
    ) async throws {
        let processes = [crowd.vault.identifier, try #require(crowd.stage.chip.processIdentifier)]
        let before = try processes.map(processorTime)
        let rounds = 10
        for _ in 0..<rounds { try await person.recover(at: link) }
        let spent = try zip(before, processes).map { try (processorTime(of: $1) - $0) / Double(rounds) }
        print("a recovery without Argon2id takes \(spent[0]) ms of the vault's processor, \(spent[1]) ms of the chip's")
    }

    /// User and system time in ms (proc(5), `stat`, fields 14 and 15, in hundredths of a second).
    private static func processorTime(of process: pid_t) throws -> Double {
        let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let fields = try #require(stat.split(separator: ")").last).split(separator: " ")
        return 10 * (try #require(Double(fields[11])) + #require(Double(fields[12])))
    }

    @Test("each operation sends as many commands to the chip as are counted here, and no more")
    func commands() async throws {
        try await Crowd.with { crowd in
            let person = try await Prepared.enroll("alice", in: crowd)
            let link = try await crowd.link()
            let connecting = try await Self.commands(of: crowd) { try await crowd.link().close() }
            #expect(connecting.total == 5, "connecting: \(connecting.text)")
            let recovery = try await Self.commands(of: crowd) { try await person.recover(at: link) }
            #expect(recovery.total == 27, "recovery: \(recovery.text)")
            let grant = try await Self.commands(of: crowd) { try await person.grant(at: link) }
            #expect(grant.total == 10, "grant: \(grant.text)")
            try await Self.tellProcessorTime(of: crowd, recovering: person, at: link)
            await link.close()
            // With connecting. A slot's handle is drawn at random; one that is taken would cost one command more, once in some thousands of runs.
            let enrollment = try await Self.commands(of: crowd) { _ = try await Prepared.enroll("bob", in: crowd) }
            #expect(enrollment.total == 48, "enrollment: \(enrollment.text)")
        }
    }
}
