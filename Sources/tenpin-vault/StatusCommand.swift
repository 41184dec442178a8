import ArgumentParser
import Foundation
import TPMDevice
import Vault

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the vault's identity and its accounts, with the chip's own counts.",
        discussion: """
            While the vault is being served the chip is not asked, and counts are left out.

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
        if isServed { print("The vault is being served, so the chip was not asked for counts.") }
        for entry in report.accounts {
            let counts =
                if let count = entry.count, let ceiling = entry.ceiling { "count \(count), ceiling \(ceiling)" } else {
                    entry.problem ?? ""
                }
            print("\(entry.slot)  \(entry.state)  \(entry.account)  \(counts)")
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
