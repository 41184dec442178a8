import ArgumentParser
import Audit
import Foundation
import Receipts

struct ChallengeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "challenge",
        abstract: "Make a challenge for the chip that a first evidence shows.",
        discussion: """
            Only the chip that has both keys of the file can answer it. Nothing of the file is believed yet. Keep the challenge, and \
            send a copy to the vault's operator.

              tenpin-audit challenge first.evidence --output my.challenge
            """)

    @Argument(help: ArgumentHelp("What `tenpin-vault evidence` wrote.", valueName: "file"))
    var file: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The challenge to write; a new file.", valueName: "file"))
    var output: String

    func run() throws {
        let file = try EvidenceFile(contents: read(file, limit: EvidenceFile.maximumSize))
        guard let endorsementKey = file.evidence.chip.endorsementArea,
            let attestationKey = file.evidence.chip.attestationPoint
        else { throw EvidenceFlaw.keys }
        let challenge = try ReceiptChallenge(endorsementKey: endorsementKey, attestationKey: attestationKey)
        do {
            try Data(challenge.file).write(to: URL(filePath: output), options: .withoutOverwriting)
        } catch {
            throw ValidationError("\(output) is there already or cannot be written; name another file.")
        }
        print("Made a challenge for the chip \(challenge.endorsementName). Nothing is believed yet.")
    }
}
