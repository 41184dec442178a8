import ArgumentParser
import Explain
import Foundation
import TPM
import TPMDevice
import Vault

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say who can do what with a TPM object, what it takes, and what cannot be done.",
        discussion: """
            Of an account of this vault, of a handle on its chip, or of a file: a public area as tpm2-tools writes it, or \
            a policy alone, as FAPI's JSON or as a list of steps (docs/explain.md).

              tenpin-vault explain alice
              tenpin-vault explain alice --object slot --fapi >slot.json
              tenpin-vault explain 0x81000001
              tenpin-vault explain key.pub --policy policy.json --policy steps.txt
              tenpin-vault explain policy.json --steps

            A policy that is given is believed only where its digest is the object's. Nothing is written, and no guess \
            is spent; while the vault is being served, the chip is not asked.
            """)

    @Argument(help: "An account, a handle such as 0x01800000, or a file.")
    var subject: String

    @OptionGroup var home: HomeOption

    @Option(help: "The TPM of a handle, where no vault is provisioned. [$TENPIN_TCTI]")
    var tcti: String?

    @Option(help: ArgumentHelp("A policy that the object may have.", valueName: "file"))
    var policy: [String] = []

    @Option(help: "Of an account, only its slot, its evaluation-key or its bundle.")
    var object: String?

    @Flag(help: "Print the explanation as JSON.")
    var json = false

    @Flag(help: "Print the policy alone, as tpm2-tss FAPI imports it.")
    var fapi = false

    @Flag(help: "Print the policy alone, as a list of steps.")
    var steps = false

    func validate() throws {
        guard [json, fapi, steps].count(where: { $0 }) <= 1 else {
            throw ValidationError("Give at most one of --json, --fapi and --steps.")
        }
        guard object.map({ ["slot", "evaluation-key", "bundle"].contains($0) }) ?? true else {
            throw ValidationError("--object is slot, evaluation-key or bundle.")
        }
    }

    func run() throws {
        let candidates = try policy.map { try CandidatePolicy(file: $0) }
        for candidate in candidates { candidate.warn() }
        let subjects = try self.subjects(candidates.map(\.fapi))
        if fapi || steps {
            guard subjects.count == 1, let policy = subjects[0].policy else {
                throw ExplainFailure(
                    subjects.count > 1
                        ? "There is more than one object; name one with --object."
                        : "The policy of \(subject) is unknown; give it with --policy.")
            }
            return try write(policy)
        }
        let explanations = subjects.map(\.explanation)
        if json { return print(String(decoding: try JSONText.encode(explanations), as: UTF8.self)) }
        print(explanations.map(\.text).joined(separator: "\n\n"))
    }

    private func write(_ policy: FAPIPolicy) throws {
        if steps { return print(StepText.write(policy.policy), terminator: "") }
        print(try policy.json(), terminator: "")
        for name in policy.missing { say("tenpin-vault: FAPI wants the public area of \(name), which is not known.") }
    }

    private struct Subject {
        let explanation: Explanation
        let policy: FAPIPolicy?
    }

    /// What the argument means: a file that is there, a handle, or else an account.
    private func subjects(_ candidates: [FAPIPolicy]) throws -> [Subject] {
        if FileManager.default.fileExists(atPath: subject) { return [try file(candidates)] }
        if subject.hasPrefix("0x"), let number = UInt32(subject.dropFirst(2), radix: 16) {
            return [try handle(Handle(number), candidates)]
        }
        let objects = try withChip { chip in try VaultObject.all(of: subject, home: home.home, chip: chip) }
            .filter { object == nil || $0.kind == object }
        guard !objects.isEmpty else {
            throw ExplainFailure(
                "There is no file \(subject), and no account of that name has such an object in \(home.home).")
        }
        return objects.map { Subject(explanation: $0.explanation, policy: $0.fapi) }
    }

    private func file(_ candidates: [FAPIPolicy]) throws -> Subject {
        let bytes = try CandidatePolicy.read(subject)
        if let area = try? PublicFile(bytes) { return foreign(area, subject, candidates) }
        let candidate = try CandidatePolicy(file: subject)
        candidate.warn()
        return Subject(
            explanation: Explainer().explain(candidate.fapi.policy, title: "the policy \(subject)"),
            policy: candidate.fapi)
    }

    /// An object that is not this vault's.
    private func foreign(_ area: PublicFile, _ title: String, _ candidates: [FAPIPolicy]) -> Subject {
        let policies = candidates.map(\.policy) + Explainer.wellKnown
        let matching = area.hash.flatMap { hash in policies.first { $0.digest(hash) == area.authPolicy } }
        let given = candidates.first { $0.policy == matching }
        return Subject(
            explanation: Explainer(candidates: policies).explain(area, title: title),
            policy: given ?? matching.map { FAPIPolicy($0, description: title) })
    }

    private func handle(_ handle: Handle, _ candidates: [FAPIPolicy]) throws -> Subject {
        let isVault = FileManager.default.fileExists(atPath: home.home + "/vault.json")
        if isVault, tcti == nil {
            let own = try withChip { chip in try VaultObject.at(handle, home: home.home, chip: chip) }
            if let own { return Subject(explanation: own.explanation, policy: own.fapi) }
        }
        let area = try withChip { chip in
            guard let chip else { throw HomeError.inUse(home.home) }
            return try chip.publicFile(at: handle)
        }
        guard let area else { throw ExplainFailure("There is nothing at \(handle) that can be explained.") }
        return foreign(area, "\(handle)", candidates)
    }

    /// Lends the vault's chip, or `nil` while somebody serves it; without a vault, the chip that `--tcti` names.
    private func withChip<R>(_ body: (Chip?) throws -> R) throws -> R {
        let environment = ProcessInfo.processInfo.environment["TENPIN_TCTI"]
        if let tcti { return try body(try Chip(tcti: tcti)) }
        guard FileManager.default.fileExists(atPath: home.home + "/vault.json") || environment == nil else {
            return try body(try Chip(tcti: environment ?? ""))
        }
        let configuration = try VaultConfiguration.read(home: home.home)
        do {
            let lock = try HomeLock(home: home.home)
            let chip = try Chip(tcti: configuration.tcti)
            try configuration.check(chip)
            let result = try body(chip)
            _ = consume lock
            return result
        } catch HomeError.inUse {
            return try body(nil)
        }
    }
}

/// A policy from a file.
private struct CandidatePolicy {
    let file: String
    let fapi: FAPIPolicy

    init(file: String) throws {
        self.file = file
        let bytes = try Self.read(file)
        do throws(ExplainError) {
            let first = bytes.first { !Character(UnicodeScalar($0)).isWhitespace }
            fapi =
                try first == UInt8(ascii: "{")
                ? FAPIPolicy(json: bytes)
                : FAPIPolicy(StepText.read(String(decoding: bytes, as: UTF8.self)), description: file)
        } catch {
            throw ExplainFailure("\(file) is no public area and no policy: \(error).")
        }
    }

    /// At most 1 MiB.
    static func read(_ file: String) throws -> [UInt8] {
        guard let handle = FileHandle(forReadingAtPath: file), let data = try? handle.read(upToCount: 1 << 20 + 1)
        else {
            throw ExplainFailure("\(file) cannot be read.")
        }
        return Array(data)
    }

    /// Says where the file's own digest is one that no chip computes.
    func warn() {
        for hash in fapi.misstated {
            say(
                "tenpin-vault: \(file) states a \(hash.label) digest that no chip computes from its steps; an object with"
                    + " that digest can be used by nobody.")
        }
    }
}

/// Why something cannot be explained.
struct ExplainFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Chip {
    /// The public area at a handle, of whatever type; `nil` where nothing is, or nothing that has one.
    fileprivate func publicFile(at handle: Handle) throws(ChipError) -> PublicFile? {
        if handle.isNVIndex { return try nvPublic(of: handle).map(PublicFile.index) }
        do throws(ChipError) {
            let response = try run(.readPublic(handle))
            let bytes = try parse(response, to: .readPublic) { (reader: inout Reader) throws(WireError) in
                try reader.sized(limit: 1024)
            }
            return try? PublicFile(bytes)
        } catch {
            guard error.responseCode?.isMissingHandle == true else { throw error }
            return nil
        }
    }
}
