import Audit
import Foundation
import Synchronization
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultAPI

@testable import Vault

/// How an audit gets along with people, and with the chip.
@Suite(.timeLimit(.minutes(60))) struct CourseTests {
    /// How many accounts to make; their making takes minutes, and the measure wants a machine of its own.
    private static let many = Int(ProcessInfo.processInfo.environment["TENPIN_AUDIT_ACCOUNTS"] ?? "")

    /// How many milliseconds each command takes beyond the emulator's own time, so that it is as slow as a chip.
    private static let delay = Double(ProcessInfo.processInfo.environment["TENPIN_AUDIT_COMMAND_MS"] ?? "")

    /// How many times the chip's own time an audit may take: what is asked, and three times that of a debug build on a chip that is
    /// a program itself.
    private static var bound: Double {
        #if DEBUG
            delay == nil ? 3.9 : 1.3
        #else
            1.3
        #endif
    }

    @Test(
        "an audit of many accounts takes little more than what the chip takes for its commands",
        .enabled(if: many != nil, "set TENPIN_AUDIT_ACCOUNTS=900"))
    func speed() async throws {
        try await HonestVault.with(further: Self.many ?? 0) { vault in
            let relay = try Self.delay.map { delay in
                try ChipRelay(vault.chip) { _ in .carryThen { Thread.sleep(forTimeInterval: delay / 1000) } }
            }
            defer { relay?.end() }
            if let relay { try vault.configure { $0.tcti = relay.tcti } }
            let opened = try await vault.open()
            await opened.measure()
            let begun = ContinuousClock.now
            let evidence = try await AuditCourse(OpenedVault(opened)).read(at: Date())
            let time = ContinuousClock.now - begun
            let chip = await opened.chipTime
            print("an audit of \(evidence.enrollments.count) accounts: \(time), of it the chip \(chip)")
            #expect(time < chip * Self.bound)
        }
    }

    @Test("people who ask while an audit goes on wait for one question of it at most")
    func people() async throws {
        try await HonestVault.with { vault in
            let opened = try await vault.open()
            let end = End()
            let audits = Task {
                defer { end.come() }
                for _ in 0..<5 { _ = try await AuditCourse(OpenedVault(opened)).read(at: Date()) }
            }
            // A person's call joins while a question of the audit's is being answered, and is the next one.
            var served = 0
            while !end.hasCome {
                let alice = try Account("alice")
                _ = try await opened.take(turnOf: Caller(connection: ConnectionID(1), account: alice)) {
                    (vault) throws(VaultFault) in try vault.lookUp(LookUp(account: alice))
                }
                served += 1
            }
            try await audits.value
            #expect(served > 5 * HonestVault.accounts.count)
        }
    }

    @Test("while others wait, who may wait gets a fifth of what each of them gets")
    func share() {
        let order = FairOrder<Int>(waitingPerAccount: 8)
        let (audit, person) = (
            Caller(connection: ConnectionID(1), account: nil), Caller(connection: ConnectionID(2), account: nil)
        )
        var turns = [0, 0]
        _ = order.join(0, of: audit)
        _ = order.join(1, of: person)
        for _ in 0..<600 {
            guard let turn = order.next() else { break }
            turns[turn.call] += 1
            // Each asks again at once.
            _ = order.join(turn.call, of: turn.call == 0 ? audit : person)
            order.charge(.milliseconds(1), to: turn, weight: turn.call == 0 ? 5 : 1)
        }
        #expect((95...105).contains(turns[0]) && turns[0] + turns[1] == 600)
    }
}

extension Vault {
    /// Measures the chip's commands from here on.
    func measure() { chip.times = CommandTimes() }

    var chipTime: Duration { chip.times?.total ?? .zero }
}

private final class End: Sendable {
    private let state = Mutex(false)
    var hasCome: Bool { state.withLock { $0 } }
    func come() { state.withLock { $0 = true } }
}
