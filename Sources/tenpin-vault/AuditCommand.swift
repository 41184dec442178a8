import ArgumentParser
import Audit
import AuditCommandOptions
import Foundation
import Vault

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check every account and object of the vault, on the chip and in the store.",
        discussion: """
            Nothing is changed and no guess is spent. While the vault is being served, its process looks, and people who \
            recover go first.

              tenpin-vault audit --home /var/lib/tenpin --trust-root maker.pem
              tenpin-vault audit --maximum-limit 10 --json >audit.json
              tenpin-vault audit --accept hierarchy.endorsement-empty
              tenpin-vault audit --html audit.html --sarif audit.sarif

            Exit codes: 0 nothing found, 10 notes only, 11 a warning, 12 something critical; 65 the store is damaged or of \
            a later version, 69 the TPM does not answer, 75 the store is locked, 78 not provisioned or another chip. What is \
            accepted does not count.
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption
    @OptionGroup var audit: AuditOptions

    func run() async throws {
        let terms = try audit.terms(at: Date())
        let vault = try await LookedAtVault.open(home: home.home, ownerAuthorization: owner.read())
        let (evidence, journal) = try await AuditCourse(vault.source, progress: ProgressLine().show)
            .readWithJournal(at: terms.time)
        try audit.show(await evidence.findings(terms, journal: journal), of: evidence, basis: .vault)
    }
}
