import TPM
import TestSupport
import VaultTestSupport

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
}
