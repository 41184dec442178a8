import TPM
import TestSupport
import VaultAPI
import VaultTestSupport
import Varlink

@testable import Vault

extension ServedVault {
    /// Serves the vault through a relay from now on; when `body` ends, from its own chip again.
    func through(
        _ plan: @escaping ChipRelay.Plan, _ body: @Sendable (ChipRelay) async throws -> Void
    ) async throws {
        let relay = try ChipRelay(chip, plan: plan)
        try await reach(relay.tcti)
        do {
            try await body(relay)
        } catch {
            relay.end()
            throw error
        }
        try await reach(chip.tcti)
        relay.end()
    }

    /// An enrollment at a vault whose chip is behind a relay that carries everything, and a client of the vault's.
    static func relayed(
        _ state: EnrollmentRecord.State = .live,
        _ body: @escaping @Sendable (ServedVault, ArmedSlot, ChipRelay, VarlinkClient) async throws -> Void
    ) async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("a"), on: served, state: state) }
            try await served.through { _ in
                .carry
            } _: { relay in
                try await body(served, slot, relay, try await served.connect())
            }
        }
    }

    private func reach(_ tcti: String) async throws {
        try await whileStopped {
            var configuration = try VaultConfiguration.read(home: home)
            configuration.tcti = tcti
            try configuration.write(home: home)
        }
    }
}

extension ChipRelay.Command {
    func isA(_ code: CommandCode) -> Bool { self.code == code.rawValue }
}

extension ChipRelay {
    func count(of code: CommandCode) -> Int { count(of: code.rawValue) }

    /// TPM2_FlushContext of every session that can be loaded, as somebody at the chip can send it.
    func flushSessions() throws {
        for kind in ["02", "03"] {
            for number in 0..<3 { _ = try inject(hex("8001" + "0000000e" + "00000165" + "\(kind)00000\(number)")) }
        }
    }
}
