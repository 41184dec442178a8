import ArgumentParser
import Audit
import AuditCommandOptions
import CommandOptions
import Foundation
import Receipts

/// The program of the auditor, who needs neither a TPM nor the vault.
@main
struct TenpinAudit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenpin-audit",
        abstract: "Check the evidence of a backup key vault, without the vault.",
        discussion: """
            The vault's operator writes evidence; you make a challenge for its chip, and believe the evidence that answers it:

              tenpin-audit challenge first.evidence --output my.challenge
              tenpin-audit verify second.evidence --challenge my.challenge

            Exit codes:

               0  verified, and nothing was found
              10  verified; notes
              11  verified; a warning
              12  verified; something critical
              64  bad usage
              65  not verified
            """,
        version: "1", subcommands: [VerifyCommand.self, ChallengeCommand.self])

    static func main() async {
        umask(0o077)
        do {
            var command = try parseAsRoot()
            do {
                if var asynchronous = command as? any AsyncParsableCommand {
                    try await asynchronous.run()
                } else {
                    try command.run()
                }
            } catch {
                throw code(of: error)
            }
        } catch {
            exit(withError: error)
        }
    }

    /// Prints what went wrong, one sentence, and gives the code to exit with.
    private static func code(of error: any Error) -> any Error {
        guard !(error is ExitCode), !exitCode(for: error).isSuccess else { return error }
        let status = error is EvidenceFlaw || error is ReceiptFlaw ? EX_DATAERR : EX_USAGE
        StandardError.write("tenpin-audit: \(printable("\(error)"))\n")
        return ExitCode(status)
    }
}

/// A file, at most `limit` bytes and one more of it.
func read(_ path: String, limit: Int) throws -> Data {
    guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: limit + 1) ?? Data()
    else { throw ValidationError("\(path) cannot be read.") }
    return data
}
