import ArgumentParser
import Audit
import Foundation
import Receipts
import Secrets
import Vault

struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence",
        abstract:
            "Write a file that an auditor checks without the vault: everything that `audit` reads, signed by the chip.",
        discussion: """
            The auditor sends a challenge, and the chip signs each count over it. Without one the file is good for making a \
            challenge from.

              tenpin-vault evidence --output first.evidence
              tenpin-audit challenge first.evidence --output my.challenge
              tenpin-vault evidence --challenge my.challenge --output second.evidence
              tenpin-audit verify second.evidence --challenge my.challenge
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption
    @OptionGroup var endorsement: EndorsementOption

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write; a new one.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("The challenge that the auditor made.", valueName: "file"))
    var challenge: String?

    @Option(
        help: ArgumentHelp(
            "Call accounts by keyed hashes; the file holds the key, 16 bytes or more, kept here.", valueName: "file"))
    var pseudonyms: String?

    func run() async throws {
        let challenge = try challenge.map { try ReceiptChallenge(file: read($0, limit: ReceiptChallenge.maximumSize)) }
        guard !FileManager.default.fileExists(atPath: output) else {
            throw ValidationError("\(output) is there already; name another file.")
        }
        let vault = try await LookedAtVault.open(
            home: home.home, ownerAuthorization: owner.read(), endorsementAuthorization: endorsement.read())
        let course = AuditCourse(vault.source, pseudonyms: try names(), progress: ProgressLine().show)
        let file = try await course.evidence(answering: challenge, at: Date())
        do {
            try file.contents().write(to: URL(filePath: output), options: .withoutOverwriting)
        } catch {
            throw ValidationError("\(output) cannot be written; check the folder and its free space.")
        }
        let count = file.evidence.enrollments.count
        say("Wrote \(output): \(count) enrollment\(count == 1 ? "" : "s"), firmware \(file.evidence.chip.firmware).")
    }

    private func names() throws -> Pseudonyms? {
        guard let pseudonyms else { return nil }
        var key = try read(pseudonyms, limit: Pseudonyms.keySizes.upperBound)
        guard Pseudonyms.keySizes.contains(key.count) else {
            throw ValidationError("A key for pseudonyms has 16 to 1024 bytes; \(pseudonyms) has \(key.count).")
        }
        return Pseudonyms(key: SecretBytes(wiping: &key))
    }

    private func read(_ path: String, limit: Int) throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: limit + 1) ?? Data()
        else { throw ValidationError("\(path) cannot be read.") }
        return Array(data)
    }
}
