import ArgumentParser
import Foundation
import TPM
import Vault

struct ProvisionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provision",
        abstract: "Make a TPM a vault: check it, make the parent, write the configuration.",
        discussion: """
            Nothing on the chip is harmed: it gets a persistent parent, and an endorsement key where none is persistent. \
            Run again, it finds what it made.

              tenpin-vault provision --tcti device:/dev/tpmrm0 --home /var/lib/tenpin
              tenpin-vault provision --tcti swtpm:path=/tmp/tpm --home v --allow-emulated
            """)

    @Option(help: "The TPM as tpm2-tss knows it: device:/dev/tpmrm0, swtpm:path=…, swtpm:port=… [$TENPIN_TCTI]")
    var tcti = ProcessInfo.processInfo.environment["TENPIN_TCTI"] ?? "device:/dev/tpmrm0"

    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption

    @Option(
        help: "The endorsement key to use: \(EndorsementTemplate.allCases.map(\.rawValue).joined(separator: ", ")).")
    var endorsement: EndorsementTemplate?

    @Flag(help: "Do not count how many accounts fit (it fills the chip with throwaway slots for a moment).")
    var skipCapacity = false

    @Flag(help: "Use a TPM that is emulated: its host can guess without limit. For trials.")
    var allowEmulated = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        // A vault that is being served has the chip for itself: say so, rather than wait for the chip.
        if FileManager.default.fileExists(atPath: home.home) { _ = try HomeLock(home: home.home) }
        let provision = try Provision(tcti: tcti, ownerAuthorization: owner.read()) { line in
            FileHandle.standardError.write(Data((line + "\n").utf8))
        }
        let made = try provision.run(
            home: home.home, endorsement: endorsement, measureCapacity: !skipCapacity, allowEmulated: allowEmulated)
        let report = try VaultReport.read(home: home.home, chip: nil)
        if json { return try print(report.json) }
        print("Endorsement Name  \(report.endorsementName)")
        print("Certificate       \(report.certificateSubject)")
        print("Room for          \(made.capacity.map { "\($0) accounts" } ?? "not counted")")
        if made.emulated {
            print("This chip is EMULATED: whoever runs its host can copy it and roll the count back. For tests only.")
        }
        print("Tell devices the endorsement Name by a way of your own: they pin it, as ssh pins a host's key.")
    }
}

extension EndorsementTemplate: ExpressibleByArgument {}

extension VaultReport {
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}
