import ArgumentParser
import Endorsement
import Foundation
import TPM
import Vault

struct ProvisionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provision",
        abstract: "Make a TPM a vault: check it, make the parent, write the configuration.",
        discussion: """
            Nothing on the chip is harmed: it is tested with throwaway objects, then gets a persistent parent, a \
            counter for the journal, and an endorsement key where none is persistent. The TPM is not cleared and no \
            authorization is changed. Run again, it finds what it made; `deprovision` takes that away.

              tenpin-vault provision --plan
              tenpin-vault provision --tcti device:/dev/tpmrm0 --home /var/lib/tenpin
              tenpin-vault provision --tcti swtpm:path=/tmp/tpm --home v --allow-emulated
            """)

    @OptionGroup var chip: ChipOption
    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption

    @Option(
        help: "The endorsement key to use: \(EndorsementTemplate.allCases.map(\.rawValue).joined(separator: ", ")).")
    var endorsement: EndorsementTemplate?

    @Option(
        help: ArgumentHelp(
            """
            The endorsement certificate, where the chip does not hold it (AMD and Intel publish it); DER or PEM, \
            authorities' certificates behind it.
            """, valueName: "file"))
    var certificate: String?

    @Option(
        help: ArgumentHelp(
            "Authorities' certificates up to the maker's root, to be shown to devices; may be repeated.",
            valueName: "file"))
    var chain: [String] = []

    @Flag(help: "Do not count how many accounts fit (it fills the chip with throwaway slots for a moment).")
    var skipCapacity = false

    @Flag(help: "Use a TPM that is emulated: its host can guess without limit. For trials.")
    var allowEmulated = false

    @Flag(help: "Show what would be done, and change nothing on chip or disk.")
    var plan = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        // A vault that is being served has the chip for itself: say so, rather than wait for the chip.
        let lock = home.home + "/lock"
        if FileManager.default.fileExists(atPath: lock) { _ = try HomeLock(home: home.home) }
        let supplied = try suppliedCertificates()
        var provision = try Provision(tcti: chip.tcti, ownerAuthorization: owner.read()) { say($0) }
        provision.supplied = supplied
        if plan { return try show(provision) }
        StopSignal.watch()
        let made = try provision.run(
            home: home.home, endorsement: endorsement, measureCapacity: !skipCapacity, allowEmulated: allowEmulated,
            isStopped: { StopSignal.isGiven })
        let report = try VaultReport.read(home: home.home, chip: nil)
        if json { return try print(report.json) }
        print("Endorsement Name  \(report.endorsementName)")
        print("Certificate       \(report.certificateSubject)")
        print("Room for          \(made.capacity.map { "\($0) accounts" } ?? "not counted")")
        made.standing?.show()
        print("Tell devices the endorsement Name by a way of your own: they pin it, as ssh pins a host's key.")
    }

    private func show(_ provision: Provision) throws {
        let plan = try provision.plan(
            home: home.home, endorsement: endorsement, measureCapacity: !skipCapacity, allowEmulated: allowEmulated)
        print(json ? String(decoding: try JSONText.encode(plan), as: UTF8.self) : plan.text)
        guard plan.obstacles.isEmpty else { throw PlanError(obstacles: plan.obstacles) }
    }
}

/// What stands in the way of a plan.
private struct PlanError: Error, CustomStringConvertible {
    let obstacles: [String]
    var description: String { "It cannot be done now: " + obstacles.joined(separator: " ") }
}

extension EndorsementTemplate: ExpressibleByArgument {}

extension ProvisionCommand {
    /// What the operator's files hold, read before anything is asked of the chip.
    private func suppliedCertificates() throws -> SuppliedCertificates {
        func read<R>(_ file: String, _ parse: ([UInt8]) throws(EndorsementError) -> R) throws -> R {
            guard let data = try? FileHandle(forReadingAtPath: file)?.read(upToCount: EndorsementChain.maximumBytes + 1)
            else { throw ValidationError("The file \(file) cannot be read.") }
            do throws(EndorsementError) {
                return try parse(Array(data))
            } catch {
                throw ValidationError("\(file): \(error)")
            }
        }
        return SuppliedCertificates(
            chain: try certificate.map { try read($0, EndorsementChain.init(file:)) },
            authorities: try chain.flatMap { try read($0, AuthorityCertificate.list(file:)) })
    }
}

extension ChipStanding {
    /// For the operator's eyes.
    func show() {
        print("Trust tier        \(tier.rawValue), by its own word: \(withstands)")
        for warning in warnings { print("WARNING           \(warning)") }
        if !endsAtPinnedRoot {
            print(
                "Certificates      end at no root that devices know; they need --trust-root, or give yours with --chain"
            )
        }
    }
}

extension VaultReport {
    var json: String {
        get throws {
            String(decoding: try JSONText.encode(self), as: UTF8.self)
        }
    }
}
