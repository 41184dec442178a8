import ArgumentParser
import Audit
import CommandOptions
import Foundation
import Report

/// What counts as a finding, and how findings are shown.
public struct AuditOptions: ParsableArguments {
    @OptionGroup public var authorities: AuthorityOptions

    @Option(help: ArgumentHelp("The most guesses that an enrollment may have, 1 to 1000.", valueName: "guesses"))
    public var maximumLimit: UInt32?

    @Option(help: ArgumentHelp("A finding that is no reason to fail; may be repeated.", valueName: "identifier"))
    public var accept: [String] = []

    @Flag(
        help: "Accept a TPM that is emulated: its host can guess without limit. For trials; as --accept chip.emulated.")
    public var allowEmulated = false

    @Flag(help: "Print the report as JSON; docs/audit.md describes it.")
    public var json = false

    @Option(help: ArgumentHelp("Write the report also as a page to look at.", valueName: "file"))
    public var html: String?

    @Option(help: ArgumentHelp("Write the findings also as SARIF, for CI systems.", valueName: "file"))
    public var sarif: String?

    public init() {}

    public func validate() throws {
        if let maximumLimit, !(1...1000).contains(maximumLimit) {
            throw ValidationError("--maximum-limit is between 1 and 1000.")
        }
        for identifier in accept where FindingKind(rawValue: identifier) == nil {
            throw ValidationError("--accept \(identifier): there is no such finding; docs/audit.md lists them.")
        }
    }

    public func terms(at time: Date) throws -> AuditTerms {
        let accepted = Set(accept.compactMap(FindingKind.init)).union(allowEmulated ? [.chipEmulated] : [])
        return AuditTerms(
            authorities: try authorities.read(), time: time, maximumLimit: maximumLimit, accepted: accepted)
    }

    /// Prints and writes the report, and throws the exit code of the worst finding that is not accepted, if there is one.
    public func show(_ findings: [Finding], of evidence: VaultEvidence, basis: AuditReport.Basis) throws {
        let report = AuditReport(findings, of: evidence, basis: basis)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(report.text)
        }
        let program = basis == .chip ? "tenpin-audit" : "tenpin-vault"
        if let html { try write(Data(AuditPage(report, of: evidence).html.utf8), to: html) }
        if let sarif { try write(SARIFReport(report, program: program).json, to: sarif) }
        if let worst = findings.worst { throw ExitCode(worst.exitCode) }
    }

    private func write(_ contents: Data, to path: String) throws {
        do {
            try contents.write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw ValidationError("\(path) cannot be written; check the folder and its free space.")
        }
    }
}
