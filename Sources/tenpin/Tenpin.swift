import ArgumentParser
import Foundation
import Secrets
import VaultClient

/// The program on the person's device.
@main
struct Tenpin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenpin",
        abstract: "Encrypted backups whose key a password brings back, with a limit on guesses that a TPM counts.",
        discussion: """
            With a vault:

              tenpin enroll --vault unix:/run/tenpin/vault.sock --account alice
              tenpin backup ~/Pictures --output pictures.tenpin --account alice
              tenpin recover --vault unix:/run/tenpin/vault.sock --account alice
              tenpin restore pictures.tenpin --into ~/Pictures --account alice

            Without one, with 64 digits to write down:

              tenpin key new
              tenpin backup ~/Pictures --output pictures.tenpin

            Exit codes:

               0  done
               1  failed
              10  wrong password, a guess was spent
              11  locked out
              12  vault unreachable
              13  vault not trusted
              14  backup damaged, or another key's
              15  the vault refused
              16  receipt not believed
              64  bad usage
            """,
        version: "0.1.0",
        subcommands: [
            EnrollCommand.self, RecoverCommand.self, StatusCommand.self, HistoryCommand.self, GrantCommand.self,
            ChangePasswordCommand.self, ForgetCommand.self, ReceiptCommand.self, VerifyReceiptCommand.self,
            TrustCommand.self, KeyCommand.self, BackupCommand.self, RestoreCommand.self, TuneCommand.self,
        ])

    static func main() async {
        umask(0o077)
        // A reader of our output that goes away is an error like others, and cleans up like others.
        signal(SIGPIPE, SIG_IGN)
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
