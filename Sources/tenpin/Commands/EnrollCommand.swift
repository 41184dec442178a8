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
        abstract: "Put a backup key behind a password, at a vault.",
        discussion: """
            The password is asked for twice, or read from a file or descriptor. A backup key that this device has already \
            is kept; otherwise a new one is made.

              tenpin enroll --vault unix:/run/tenpin/vault.sock --account alice
              tenpin enroll --account alice --password-file pw --limit 5 --json
              tenpin enroll --account alice --abandon    # the vault before is lost
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
        let choice = try work.choice(on: device.deviceHome)
        var device = try device.openNamed()
        let link = try await vault.link(self.device.deviceHome)
        if !abandon, try await device.finish(at: link).contains(where: \.isEnrolled) {
            // What was begun earlier, with the password of then.
            await link.close()
            return try EnrolledResult(device, link).report(json: json, said: "Finished enrolling")
        }
        let question =
            "Backups made with the key that is enrolled now can never be opened again, unless another device"
            + " has that key. Replace it?"
        guard !replace || yes || Console.confirms(question) else { throw InputError.notConfirmed }
        let exposureKnown = exposure.isKnown(to: device, abandoning: abandon)
        let replaced = replace ? try await device.enrollmentToReplace(at: link) : nil
        let typed = try password.source.newPassword()
        try await device.enroll(
            at: link, password: typed, choice: choice, replacing: replaced,
            abandoning: abandon,
            exposureKnown: exposureKnown)
        await link.close()
        try EnrolledResult(device, link).report(json: json, said: "Enrolled")
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
    @Option(help: "How many guesses anyone has, 1 to 1000.")
    var limit: UInt32 = 10

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

    func choice(on home: DeviceHome) throws -> EnrollmentChoice {
        let isGiven = memory != nil && passes != nil
        let usual = isGiven ? .standard : try WorkSetting(home: home)?.parameters ?? .standard
        return EnrollmentChoice(
            limit: limit,
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
    let endorsementName: String
    let emulated: Bool
    let tpm: TrustReport

    init(_ device: borrowing Device, _ link: VaultLink) throws {
        guard let live = device.state.enrollment else { throw Outcome.noKey(account: device.account.id) }
        account = device.account.id
        enrollment = live.recipe.enrollment.description
        generation = live.recipe.generation
        limit = live.limit
        endorsementName = link.vault.endorsementName.description
        emulated = link.vault.isEmulated
        tpm = TrustReport(link.vault)
    }

    func report(json: Bool, said verb: String) throws {
        if json { return try printJSON(self) }
        print("\(verb) \(account): backup key \(generation) lies behind the password, with \(limit) guesses.")
        print("The vault's TPM: \(tpm.tier.sentence)")
    }
}
