import ArgumentParser
import Audit
import Foundation
import TPMDevice
import Vault

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the vault's identity and its accounts, with the chip's own counts.",
        discussion: """
            While the vault is being served the chip is not asked, and counts are left out. Keep the journal's head: who has \
            one of an earlier day can tell whether the lines up to it are still the same.

              tenpin-vault status --home /var/lib/tenpin
              tenpin-vault status --home ./vault --json
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        let configuration = try VaultConfiguration.read(home: home.home)
        let (report, isServed) = try read(configuration)
        if json { return try print(report.json) }
        print("Endorsement Name  \(report.endorsementName)")
        print("Certificate       \(report.certificateSubject)")
        print("TPM               \(report.tcti)\(report.emulated ? " (EMULATED)" : "")")
        report.standing?.show()
        print("Slots             \(report.accounts.count)\(report.capacity.map { " of \($0)" } ?? "")")
        print("Journal           \(report.journal.text)")
        print("Journal's head    \(report.journal.head)")
        if isServed { print("The vault is being served, so the chip was not asked for counts.") }
        for entry in report.accounts {
            let counts =
                if let count = entry.count, let ceiling = entry.ceiling { "count \(count), ceiling \(ceiling)" } else {
                    entry.problem ?? ""
                }
            print("\(entry.slot)  \(entry.state)  \(printable(entry.account))  \(counts)")
        }
    }

    /// The report, with the chip's counts unless somebody serves the vault just now.
    private func read(_ configuration: VaultConfiguration) throws -> (VaultReport, isServed: Bool) {
        do {
            let lock = try HomeLock(home: home.home)
            let chip = try Chip(tcti: configuration.tcti, ownerAuthorization: owner.read())
            try configuration.check(chip)
            let report = try VaultReport.read(home: home.home, chip: chip)
            _ = consume lock
            return (report, false)
        } catch HomeError.inUse {
            return (try VaultReport.read(home: home.home, chip: nil), true)
        }
    }
}

extension VaultReport.JournalStanding {
    /// For the operator's eyes.
    fileprivate var text: String {
        let many = lines == 1 ? "1 line" : "\(lines) lines"
        guard let certifiedCount, let certifiedLines else { return "\(many), never certified by the chip" }
        return "\(many), \(certifiedLines) of them certified by the chip at count \(certifiedCount)"
    }
}
