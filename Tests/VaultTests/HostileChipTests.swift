import Foundation
import Glibc
import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("A chip that would keep the vault waiting")
struct HostileChipTests {
    /// Runs `body` against a chip that answers one command as told.
    static func with(
        _ code: CommandCode, _ answer: ChipRelay.Fate, _ body: (Chip) throws -> Void
    ) async throws {
        let swtpm = try await Swtpm.start(.uncertified)
        defer { swtpm.discard() }
        let relay = try ChipRelay(swtpm) { $0.isA(code) ? answer : .carry }
        defer { relay.end() }
        try body(try Chip(tcti: relay.tcti))
    }

    /// TPMS_CAPABILITY_DATA with more to come, all items the same.
    static func page(_ capability: Capability, _ item: UInt32, count: UInt32) -> ChipRelay.Fate {
        .answer(
            ChipRelay.success(
                Writer.bytes { writer in
                    writer.integer(UInt8(1))
                    writer.integer(capability.rawValue)
                    writer.integer(count)
                    for _ in 0..<count { writer.integer(item) }
                }))
    }

    @Test("the same page of handles over and over is refused")
    func handles() async throws {
        try await Self.with(.getCapability, Self.page(.handles, 0x8100_0001, count: 64)) { chip in
            #expect(throws: ChipError.self) { try chip.handles(from: 0x8100_0000) }
        }
    }

    @Test("the same page of commands over and over is refused")
    func commands() async throws {
        try await Self.with(.getCapability, Self.page(.commands, 0x120, count: 256)) { chip in
            #expect(throws: ChipError.self) { try chip.implementedCommands() }
        }
    }

    @Test("an index that is read and read and gives no bytes is refused")
    func emptyReads() async throws {
        let area = NVPublic(
            index: Handle(0x01C0_0002), nameAlgorithm: .sha256, attributes: [.authRead], authPolicy: [], dataSize: 100)
        try await Self.with(.nvRead, .answer(ChipRelay.successWithPassword([0, 0]))) { chip in
            #expect(throws: ChipError.malformed(.nvRead, .truncated)) { try chip.readByOwner(area) }
        }
        let tooMany = ChipRelay.successWithPassword([0, 101] + [UInt8](repeating: 0, count: 101))
        try await Self.with(.nvRead, .answer(tooMany)) { chip in
            #expect(throws: ChipError.malformed(.nvRead, .oversized(101, limit: 100))) { try chip.readByOwner(area) }
        }
    }

    /// Runs `body` against a chip whose process is stopped: behind the emulator's own socket, or behind one that is connected to once, as a
    /// device is.
    private static func withStopped(
        isConnectedOnce: Bool, patience: TimeInterval, _ body: (Chip, pid_t) async throws -> Void
    ) async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let process = try #require(swtpm.processIdentifier)
            let relay = isConnectedOnce ? try ChipRelay(swtpm, keepsConnections: true) : nil
            defer { relay?.end() }
            let chip = try Chip(tcti: relay?.tcti ?? swtpm.tcti, patience: patience)
            kill(process, SIGSTOP)
            defer { kill(process, SIGCONT) }
            try await body(chip, process)
        }
    }

    @Test("one that hangs for long uses up no threads, and is used again when it answers", arguments: [false, true])
    func hanging(isConnectedOnce: Bool) async throws {
        try await Self.withStopped(isConnectedOnce: isConnectedOnce, patience: 0.3) { chip, process in
            func threads() throws -> Int {
                // Only this chip's count: other tests have threads too.
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
            }
            let before = try threads()
            for _ in 0..<40 { #expect(throws: ChipError.self) { try chip.property(0x120) } }
            #expect(try threads() < before + 30)
            kill(process, SIGCONT)
            let last = ContinuousClock.now + .seconds(10)
            while (try? chip.property(0x120)) != 64 {
                try #require(ContinuousClock.now < last)
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test("one that does not answer is given up, and used again when it does", arguments: [false, true])
    func stalled(isConnectedOnce: Bool) async throws {
        try await Self.withStopped(isConnectedOnce: isConnectedOnce, patience: 1) { chip, process in
            // The second time it does not even take the connection.
            for _ in 0..<2 {
                #expect(throws: ChipError.unreachable("no answer in 1 seconds")) { try chip.property(0x120) }
            }
            kill(process, SIGCONT)
            let largestDigest = try chip.property(0x120)
            #expect(largestDigest == 64)
        }
    }
}
