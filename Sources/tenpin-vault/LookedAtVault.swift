import CommandOptions
import Foundation
import Logging
import Vault
import Varlink

/// The vault of a home as an audit reaches it: through the process that serves it, or opened here while nobody does.
struct LookedAtVault: ~Copyable {
    let source: any AuditSource
    /// Keeps `serve` away while this program has the chip.
    private let lock: HomeLock?

    static func open(
        home: String, ownerAuthorization: [UInt8], endorsementAuthorization: [UInt8] = []
    ) async throws -> LookedAtVault {
        _ = try VaultConfiguration.read(home: home)
        let lock: HomeLock
        do {
            lock = try HomeLock(home: home)
        } catch HomeError.inUse {
            return LookedAtVault(source: try await served(home), lock: nil)
        }
        var log = Logger(label: "tenpin-vault") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = .critical
        let vault = try await Vault.open(
            home: home, ownerAuthorization: ownerAuthorization, endorsementAuthorization: endorsementAuthorization,
            log: log, reconciles: false)
        return LookedAtVault(source: OpenedVault(vault), lock: lock)
    }

    /// The process that serves the vault.
    static func served(_ home: String) async throws -> ServedVaultSource {
        do {
            return try await ServedVaultSource(home: home)
        } catch is VarlinkClientError {
            // Another command than `serve`, or an earlier version of it.
            throw HomeError.inUse(home)
        }
    }
}

/// How far a command is, on a terminal's standard error.
final class ProgressLine {
    private let isShown = isatty(STDERR_FILENO) == 1

    func show(_ done: Int, _ all: Int) {
        guard isShown else { return }
        StandardError.write(done == all ? "\r\u{1B}[K" : "\rLooked at \(done) of \(all) enrollments…")
    }
}
