import ArgumentParser
import Audit
import Foundation
import Journal
import TPMDevice
import Vault

struct JournalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal",
        abstract: "Verify the journal against the chip, and show its head.",
        discussion: """
            Names the first line that was removed, changed or moved. A tail that was cut off and a store that was set back \
            show by the chip's counter, guesses without a line by the chip's own counts. Keep the head that it shows: given \
            back a later day, it tells whether the lines up to it are still the same. While the vault is being served, its \
            process reads them.

              tenpin-vault journal --home /var/lib/tenpin
              tenpin-vault journal --home ./vault --json
              tenpin-vault journal --home ./vault --kept-head "$(cat yesterday)"

            It ends with code 10, 11 or 12 where the worst finding is a note, a warning or critical.
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var endorsement: EndorsementOption

    @Option(help: "Another way to the same TPM than the one it was provisioned by, for a vault that nobody serves.")
    var tcti: String?

    @Option(
        help: ArgumentHelp("A head of an earlier day, NUMBER:HASH; may be repeated.", valueName: "head"),
        transform: { text in
            guard let head = JournalHead(text) else { throw ValidationError("--kept-head takes NUMBER:HASH.") }
            return head
        })
    var keptHead: [JournalHead] = []

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        var check = try await read()
        check.kept = keptHead
        let verdict = JournalVerdict(check)
        if json { print(String(decoding: try JSONText.encode(verdict), as: UTF8.self)) } else { verdict.show() }
        if let worst = check.findings.worst { throw JournalNotClean(severity: worst) }
    }

    private func read() async throws -> JournalCheck {
        do {
            return try readHere()
        } catch HomeError.inUse {
            let source = try await LookedAtVault.served(home.home)
            return try await AuditCourse(source, progress: ProgressLine().show).readWithJournal(at: Date()).journal
        }
    }

    /// While nobody serves the vault.
    private func readHere() throws -> JournalCheck {
        let configuration = try VaultConfiguration.read(home: home.home)
        let lock = try HomeLock(home: home.home)
        let chip = try Chip(tcti: tcti ?? configuration.tcti, endorsementAuthorization: endorsement.read())
        try configuration.check(chip)
        let check = try JournalCheck.read(home: home.home, chip: chip)
        _ = consume lock
        return check
    }
}

/// What was found in a journal.
private struct JournalVerdict: Encodable {
    let head: String
    let lines: Int
    let certificates: Int
    /// Lines that no certificate covers yet.
    let uncertified: Int
    /// Whether the certificates' signatures were checked, which takes the endorsement hierarchy's authorization.
    let signaturesChecked: Bool
    let findings: [AuditReport.Entry]

    init(_ check: JournalCheck) {
        head = check.head.description
        lines = check.head.number
        certificates = check.anchors.count
        uncertified = check.uncertified
        signaturesChecked = check.attestationKey != nil
        findings = check.findings.map(AuditReport.Entry.init)
    }

    func show() {
        print("Lines             \(lines), \(uncertified) of them not certified yet")
        print("Certificates      \(certificates)\(signaturesChecked ? "" : ", their signatures not checked")")
        print("Head              \(head)")
        for finding in findings {
            print("\(finding.severity.rawValue.uppercased())  \(finding.id)  \(finding.found)")
            print("  Why       \(finding.why)\n  Do        \(finding.advice)")
        }
        if findings.isEmpty { print("The journal is as it was written, and the chip agrees.") }
    }
}

/// The journal has findings, which were shown.
struct JournalNotClean: Error, CustomStringConvertible {
    let severity: Severity
    var description: String { "The journal is not as it should be: the worst finding is \(severity.rawValue)." }
}
