import ArgumentParser
import Audit
import AuditCommandOptions
import Foundation
import Receipts
import TPM

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check evidence, and say what was found.",
        discussion: """
            Everything that the chip signed is checked: count, ceiling and Name of each slot, the firmware version, that it was \
            after your challenge, and that the file is whole; without a challenge nothing is verified. The rest is the word of the \
            vault's host: hierarchies, dictionary-attack settings, whether private parts load, and that there are no further accounts.

              tenpin-audit verify second.evidence --challenge my.challenge
              tenpin-audit verify second.evidence --challenge my.challenge --json
            """)

    @Argument(help: ArgumentHelp("What `tenpin-vault evidence` wrote.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("Your challenge, which the evidence must answer.", valueName: "file"))
    var challenge: String?

    @Option(help: ArgumentHelp("The endorsement Name that the chip must have.", valueName: "hex"))
    var endorsementName: String?

    @OptionGroup var audit: AuditOptions

    func run() async throws {
        let terms = try audit.terms(at: Date())
        let challenge = try challenge.map {
            try ReceiptChallenge(file: Array(read($0, limit: ReceiptChallenge.maximumSize)))
        }
        let file = try EvidenceFile(contents: read(file, limit: EvidenceFile.maximumSize))
        try await file.check(challenge: challenge, terms)
        let name = file.evidence.chip.endorsementArea?.name.description
        if let endorsementName, endorsementName.lowercased().filter({ $0 != " " }) != name {
            throw EvidenceFlaw.otherChip(name ?? "")
        }
        if !audit.json { print("Verified: the chip signed this after your challenge.") }
        try audit.show(await file.evidence.findings(terms), of: file.evidence, basis: .chip)
    }
}
