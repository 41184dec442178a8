import ArgumentParser
import Foundation
import Secrets
import Vault

/// The program on the vault's host.
@main
struct TenpinVault: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenpin-vault",
        abstract: "A backup key vault in front of one TPM 2.0.",
        discussion: """
            Look at what provisioning would do, provision a vault on a chip, then serve it:

              tenpin-vault provision --plan
              tenpin-vault provision --tcti device:/dev/tpmrm0 --home /var/lib/tenpin
              tenpin-vault serve --home /var/lib/tenpin --socket /run/tenpin/vault.sock

            Exit codes:

               0  done
               1  failed
              10  a note was found, 11 a warning, 12 something critical
              64  bad usage
              65  the store is damaged or of a later version, or a challenge cannot be used
              69  the TPM does not answer, or refuses
              75  the store is locked by another program
              78  not provisioned, in use, another chip, or its files cannot be used
            """,
        version: VaultVersion.text,
        subcommands: [
            ProvisionCommand.self, ServeCommand.self, StatusCommand.self, JournalCommand.self, ExplainCommand.self,
            AuditCommand.self, EvidenceCommand.self, SelfTestCommand.self, DeprovisionCommand.self,
        ])

    static func main() async {
        umask(0o077)
        // tpm2-tss would say on standard error what the error's own sentence says.
        unsafe setenv("TSS2_LOG", "all+none", 0)
        do {
            let command = try parseAsRoot()
            do {
                try CoreDumps.forbid()
                try await run(command)
            } catch {
                throw Exit.code(of: error)
            }
        } catch {
            exit(withError: error)
        }
    }

    private static func run(_ command: any ParsableCommand) async throws {
        var command = command
        if var asynchronous = command as? any AsyncParsableCommand {
            try await asynchronous.run()
        } else {
            try command.run()
        }
    }
}

/// Where a vault keeps its files.
struct HomeOption: ParsableArguments {
    @Option(help: "The vault's folder: vault.json, vault.sqlite and what goes with them. [$TENPIN_VAULT_HOME]")
    var home = ProcessInfo.processInfo.environment["TENPIN_VAULT_HOME"] ?? "/var/lib/tenpin"
}
