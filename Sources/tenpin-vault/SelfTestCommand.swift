import ArgumentParser
import Foundation
import TPMDevice
import Vault

struct SelfTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selftest",
        abstract: "Test whether a TPM limits guesses as Tenpin needs, with throwaway objects.",
        discussion: """
            It takes seconds, makes one NV index at 0x01BFFF00 and takes it away again; `provision` runs it as well. \
            The report holds no serial number and no key of the TPM, so it can be shown to anyone.

              tenpin-vault selftest
              tenpin-vault selftest --json >chip.json
              tenpin-vault selftest --stress 1000
              tenpin-vault selftest --before-reboot
              tenpin-vault selftest --after-reboot

            Does the count survive a restart of the machine? --before-reboot leaves a slot at 0x01BFFF01 with a count \
            of 3; --after-reboot looks at it and takes it away.
            """)

    @OptionGroup var chip: ChipOption
    @OptionGroup var owner: OwnerOption

    @Option(help: ArgumentHelp("Watch this many evaluations in a row; each writes the TPM's memory.", valueName: "n"))
    var stress = SelfTest.defaultStress

    @Flag(help: "Arm a slot, and leave it for --after-reboot.")
    var beforeReboot = false

    @Flag(help: "Look at the slot that --before-reboot left, and take it away.")
    var afterReboot = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    func validate() throws {
        guard (1...100_000).contains(stress) else { throw ValidationError("--stress is between 1 and 100000.") }
        guard !(beforeReboot && afterReboot) else {
            throw ValidationError("Give either --before-reboot or --after-reboot.")
        }
    }

    func run() throws {
        let opened = try Chip(tcti: chip.tcti, ownerAuthorization: owner.read())
        StopSignal.watch()
        let test = SelfTest(opened, stress: stress) { StopSignal.isGiven }
        let report =
            if beforeReboot { try test.beforeReboot() } else if afterReboot { try test.afterReboot() } else {
                try test.run()
            }
        if json {
            print(String(decoding: try JSONText.encode(report), as: UTF8.self))
        } else {
            print(report.text)
        }
        guard report.failures.isEmpty else { throw SelfTestError.failed(report.failures.map(\.id)) }
    }
}

extension SelfTestReport {
    /// For people: the chip, a line a property, a line a command.
    var text: String {
        var lines = [
            "\(chip.manufacturer) \(chip.model), firmware \(chip.firmware), TPM 2.0 revision \(chip.specification), largest"
                + " hash \(chip.largestDigest) bytes\(chip.emulated ? " (EMULATED)" : "")", "",
        ]
        let width = properties.map(\.id.count).max() ?? 0
        for property in properties {
            lines.append("\(property.outcome.word)  \(property.id.padded(to: width))  \(property.seen)")
            if property.outcome == .failed { lines.append("              \(property.claim)") }
        }
        lines += ["", "Command             times      min   median      max  (ms)"]
        for command in commands {
            lines.append(
                command.command.padded(to: 18) + "\(command.count)".leading(7) + command.minimum.text.leading(9)
                    + command.median.text.leading(9) + command.maximum.text.leading(9))
        }
        let held = properties.count { $0.outcome == .held }
        lines += ["", "\(held) of \(properties.count) held, \(failures.count) failed, in \(seconds) s."]
        return lines.joined(separator: "\n")
    }
}

extension ChipProperty.Outcome {
    fileprivate var word: String {
        switch self {
        case .held: "held        "
        case .failed: "FAILED      "
        case .notTestable: "not testable"
        }
    }
}

extension Double {
    /// With one decimal.
    fileprivate var text: String { String(format: "%.1f", self) }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    fileprivate func leading(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
