import ArgumentParser
import Endorsement
import Foundation
import Secrets
import TPM
import VaultAPI
import VaultClient

struct EnrollCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enroll",
        abstract: "Put a backup key behind a password, at a vault or at several.",
        discussion: """
            The password is asked for twice, or read from a file or descriptor. A backup key that this device has already \
            is kept; otherwise a new one is made.

              tenpin enroll --vault unix:/run/tenpin/vault.sock --account alice
              tenpin enroll --account alice --password-file pw --limit 5 --json
              tenpin enroll --account alice --abandon    # the vault before is lost

            With several vaults, any --threshold of them bring the key back, and fewer learn nothing. All must answer now; \
            later the others may be lost. --limit is what anyone has who runs all their hosts.

              export TENPIN_VAULT="unix:/run/a.sock unix:/run/b.sock unix:/run/c.sock"
              tenpin enroll --threshold 2 --even-if-one-chip-is-broken
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var vault: VaultOptions
    @OptionGroup var password: PasswordOptions
    @OptionGroup var work: WorkOptions

    @Flag(
        help: """
            Replace an enrollment that this device does not know: backups made with its key can then be opened only by a \
            device that has it. Its slot cannot be burnt, so the old password keeps its guesses with a dishonest host.
            """)
    var replace = false

    @Flag(
        help: """
            Let go of an enrollment that cannot be finished, or of one at a vault that is lost. It is burnt if that vault is \
            met again.
            """)
    var abandon = false

    @OptionGroup var exposure: ExposureOptions

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        let limits = try work.limits(vaults: vault.addresses.count)
        let choice = try work.choice(limits, on: device.deviceHome)
        var device = try device.openNamed()
        let fleet = try await vault.fleet(self.device.deviceHome, waiting: .nearlyAll)
        if !abandon, try await device.finish(at: fleet).contains(where: \.isEnrolled) {
            // What was begun earlier, with the password of then.
            await fleet.close()
            return try EnrolledResult(device, fleet).report(json: json, said: "Finished enrolling")
        }
        try fleet.needAll()
        limits.sentences.forEach(Console.note)
        let question =
            "Backups made with the key that is enrolled now can never be opened again, unless another device"
            + " has that key. Replace it?"
        guard !replace || yes || Console.confirms(question) else { throw InputError.notConfirmed }
        let exposureKnown = exposure.isKnown(to: device, abandoning: abandon)
        let replaced = replace ? try await device.enrollmentToReplace(at: fleet) : nil
        let typed = try password.source.newPassword()
        try await device.enroll(
            at: fleet, password: typed, choice: choice, replacing: replaced, abandoning: abandon,
            exposureKnown: exposureKnown)
        await fleet.close()
        try EnrolledResult(device, fleet).report(json: json, said: "Enrolled")
    }
}

extension Device.Finished {
    /// Whether an enrollment became live.
    var isEnrolled: Bool {
        if case .enrolled = self { true } else { false }
    }
}

/// Whether the person knows that an earlier password may have been guessed at.
struct ExposureOptions: ParsableArguments {
    @Flag(help: "This is another password than the one that an unconfirmed enrollment has exposed.")
    var otherPassword = false

    func isKnown(to device: borrowing Device, abandoning: Bool = false) -> Bool {
        let abandoned = abandoning ? device.state.pending?.limit : nil
        guard let limit = device.state.exposedLimit ?? abandoned, !otherPassword else { return otherPassword }
        return Console.confirms(
            "An earlier enrollment was sent and not confirmed: whoever runs the vault may have \(limit) guesses at its"
                + " password. Will you choose another one now?")
    }
}

/// What a new enrollment costs a guesser.
struct WorkOptions: ParsableArguments {
    @Option(help: "How many guesses anyone has, 1 to 1000; with several vaults, who runs all their hosts.")
    var limit: UInt32 = 10

    @Option(help: "How many of several vaults are needed. (default: more than half)")
    var threshold: UInt32?

    @Flag(help: "Keep to the limit even if one of several vaults' chips is broken open.")
    var evenIfOneChipIsBroken = false

    @Option(help: "Argon2id's memory in MiB, 64 to 1024. (default: as `tenpin tune --save` set it, or 256)")
    var memory: UInt32?

    @Option(help: "Argon2id's passes, 3 to 10. (default: as `tenpin tune --save` set it, or 3)")
    var passes: UInt32?

    func validate() throws {
        guard (1...1000).contains(limit) else { throw ValidationError("--limit is between 1 and 1000.") }
        guard memory.map({ (64...1024).contains($0) }) ?? true, passes.map({ (3...10).contains($0) }) ?? true else {
            throw ValidationError("--memory is between 64 and 1024 MiB, and --passes between 3 and 10.")
        }
    }

    /// What each of the vaults is to allow.
    func limits(vaults: Int) throws -> GuessLimits {
        do throws(GuessLimits.Refusal) {
            return try GuessLimits(
                total: limit, vaults: UInt32(vaults), threshold: threshold ?? UInt32(vaults / 2 + 1),
                evenIfOneIsBroken: evenIfOneChipIsBroken)
        } catch {
            throw ValidationError("\(error) No guess was spent.")
        }
    }

    func choice(_ limits: GuessLimits, on home: DeviceHome) throws -> EnrollmentChoice {
        let isGiven = memory != nil && passes != nil
        let usual = isGiven ? .standard : try WorkSetting(home: home)?.parameters ?? .standard
        return EnrollmentChoice(
            limit: limits.limit, threshold: limits.threshold,
            parameters: try Argon2id.Parameters(
                memoryKiB: memory.map { $0 * 1024 } ?? usual.memoryKiB, passes: passes ?? usual.passes))
    }
}

/// An enrollment that is live now.
struct EnrolledResult: Encodable {
    let account: String
    let enrollment: String
    let generation: UInt32
    let limit: UInt32
    /// Of one vault.
    let endorsementName: String?
    let emulated: Bool
    /// Of one vault.
    let tpm: TrustReport?
    /// Of several vaults.
    let threshold: UInt32?
    let vaults: [VaultReport]?
    /// Old slots that are not proven to be burnt.
    let unburnt: [String]?
    private let meaning: [String]

    private enum CodingKeys: CodingKey {
        case account, enrollment, generation, limit, endorsementName, emulated, tpm, threshold, vaults, unburnt
    }

    /// One of several vaults.
    struct VaultReport: Encodable {
        let address: String
        let endorsementName: String
        let limit: UInt32
        let tpm: TrustReport
    }

    init(_ device: borrowing Device, _ fleet: Fleet) throws {
        guard let live = device.state.enrollment else { throw Outcome.noKey(account: device.account.id) }
        let only = live.recipe.vaults.count == 1 ? fleet.links.first?.vault : nil
        account = device.account.id
        enrollment = live.recipe.enrollment.description
        generation = live.recipe.generation
        limit = live.limit
        endorsementName = only?.endorsementName.description
        emulated = fleet.links.contains(where: \.vault.isEmulated)
        tpm = only.map(TrustReport.init)
        threshold = only == nil ? live.recipe.threshold : nil
        vaults =
            only == nil
            ? fleet.links.map { link in
                VaultReport(
                    address: link.address, endorsementName: link.vault.endorsementName.description,
                    limit: live.recipe.vaults.first?.limit ?? 0, tpm: TrustReport(link.vault))
            } : nil
        let left = Unburnt(device)
        unburnt = left.names.isEmpty ? nil : left.names
        meaning = (only == nil ? live.meaning : []) + left.sentences
    }

    func report(json: Bool, said verb: String) throws {
        if json { return try printJSON(self) }
        print("\(verb) \(account): backup key \(generation) lies behind the password, with \(limit) guesses.")
        meaning.forEach { print($0) }
        if let tpm { print("The vault's TPM: \(tpm.tier.sentence)") }
        for vault in vaults ?? [] { print("The TPM at \(vault.address): \(vault.tpm.tier.sentence)") }
    }
}

extension DeviceState.LiveEnrollment {
    /// What its limits mean, in words.
    fileprivate var meaning: [String] {
        let count = UInt32(recipe.vaults.count)
        guard let limit = recipe.vaults.first?.limit else { return [] }
        return GuessLimits(vaults: count, threshold: recipe.threshold, limit: limit).sentences
    }
}

/// The old slots that nobody has proven to be burnt: each is one vault's share for who would guess at the old password.
struct Unburnt {
    /// Their chips' endorsement Names, by enrollment.
    private let tickets: [EnrollmentID: [String]]

    init(_ device: borrowing Device) {
        var tickets: [EnrollmentID: [String]] = [:]
        for ticket in device.state.toBurn where !ticket.isBurnt {
            tickets[ticket.enrollment, default: []].append(ticket.endorsementName.hexadecimal)
        }
        self.tickets = tickets
    }

    var names: [String] { tickets.values.flatMap { $0 }.sorted() }

    /// How many there are of one enrollment.
    func count(of enrollment: EnrollmentID) -> Int { tickets[enrollment]?.count ?? 0 }

    var sentences: [String] {
        tickets.values.map { names in
            let vaults = names.count == 1 ? "1 vault has" : "\(names.count) vaults have"
            return "\(vaults) not proven that an old slot is burnt: \(names.joined(separator: ", ")). It is tried again"
                + " whenever this device meets them; until then each of them may still give its share to who guesses at the"
                + " old password."
        }
    }
}
