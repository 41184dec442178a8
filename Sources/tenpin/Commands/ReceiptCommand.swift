import ArgumentParser
import CommandOptions
import Foundation
import Receipts
import TPM
import VaultClient

struct ReceiptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receipt",
        abstract: "Have the chip certify count and ceiling, in a file that others can check.",
        discussion: """
            Needs a device that has the key. No guess is spent. Whoever is to believe the receipt makes a challenge for \
            this vault's chip first, with `tenpin verify-receipt --new-challenge` from any earlier receipt.

              tenpin receipt --output alice.receipt --account alice
              tenpin receipt --challenge my.challenge --output second.receipt
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var vault: VaultOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("The receipt to write; a new file.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("The challenge of the one who will check the receipt.", valueName: "file"))
    var challenge: String?

    @Flag(help: "Leave account and enrollment out; the receipt then names the slot alone.")
    var anonymous = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        let challenge = try challenge.map {
            try ReceiptChallenge(file: SmallFile.read($0, limit: ReceiptChallenge.maximumSize))
        }
        let home = device.deviceHome
        let device = try device.openNamed()
        let link = try await vault.link(home)
        let checked = try await device.receipt(
            ReceiptRequest(namesEnrollment: !anonymous, challenge: challenge, date: Date()), at: link,
            trust: vault.policy(home))
        await link.close()
        try SmallFile.write(checked.receipt.bytes, to: output)
        try AttestationKeys.keep(
            ProvenAttestationKey(endorsementName: checked.endorsementName, attestationName: checked.attestationName),
            in: home)
        try ReceiptReport(checked, binding: .session, isPinned: true).report(json: json)
    }
}

struct VerifyReceiptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-receipt",
        abstract: "Check a receipt, without asking any vault.",
        discussion: """
            A receipt is believed if its chip opened a challenge of yours, or if the chip proved its key to this device \
            (in `tenpin receipt`). To challenge the chip of a receipt at hand, make a file and send it to the one who \
            asks for receipts; keep it to check the answer with.

              tenpin verify-receipt alice.receipt --new-challenge my.challenge
              tenpin verify-receipt second.receipt --challenge my.challenge
            """)

    @OptionGroup var home: TrustCommand.HomeOption
    @OptionGroup var authorities: AuthorityOptions

    @Argument(help: ArgumentHelp("The receipt.", valueName: "file"))
    var receipt: String

    @Option(help: ArgumentHelp("Your challenge, which the receipt must answer.", valueName: "file"))
    var challenge: String?

    @Option(help: ArgumentHelp("Make a challenge for the chip of this receipt: a new file.", valueName: "file"))
    var newChallenge: String?

    @Option(help: ArgumentHelp("The endorsement Name that the chip must have.", valueName: "hex"))
    var endorsementName: String?

    @Option(help: ArgumentHelp("A backup; the receipt must be for the enrollment it names.", valueName: "file"))
    var backup: String?

    @Flag(help: "Believe a TPM that is emulated: its host can write any receipt. For trials.")
    var allowEmulated = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard challenge == nil || newChallenge == nil else {
            throw ValidationError("Give either --challenge or --new-challenge.")
        }
    }

    func run() async throws {
        let expectedName = try endorsementName.map(Name.init(option:))
        let challenge = try challenge.map {
            try ReceiptChallenge(file: SmallFile.read($0, limit: ReceiptChallenge.maximumSize))
        }
        let receipt = try Receipt(file: SmallFile.read(receipt, limit: Receipt.maximumSize))
        let checked = try await receipt.check(by: authorities.read(), at: Date())
        guard allowEmulated || !checked.isEmulated else { throw Outcome.emulatedReceipt }
        if let expectedName, expectedName != checked.endorsementName {
            throw Outcome.otherChipsReceipt(checked.endorsementName)
        }
        if let backup { try checked.expectEnrollment(ofBackup: backup) }
        if let newChallenge { return try makeChallenge(for: checked.statement, newChallenge) }
        let binding = try checked.binding(
            challenge: challenge, proven: AttestationKeys(home: home.deviceHome).proven)
        let isPinned = try KnownVaults(home: home.deviceHome).entries.contains { $0.name == checked.endorsementName }
        try ReceiptReport(checked, binding: binding, isPinned: isPinned || expectedName != nil).report(json: json)
    }

    private func makeChallenge(for statement: ReceiptStatement, _ file: String) throws {
        let challenge = try ReceiptChallenge(
            endorsementKey: statement.endorsementKey, attestationKey: statement.attestationKey)
        try SmallFile.write(challenge.file, to: file)
        if json { return try printJSON(["endorsementName": challenge.endorsementName.description]) }
        print(
            "Made a challenge for the chip \(challenge.endorsementName.fingerprint). The receipt is not believed yet.")
    }
}
