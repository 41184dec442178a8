import ArgumentParser
import Foundation
import TPM
import VaultAPI
import VaultClient

struct GrantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Allow more guesses: to yourself, and to the vault's host alike.",
        discussion: """
            Needs a device that has the key.

              tenpin grant --guesses 5 --vault unix:/run/tenpin/vault.sock --account alice

            With several vaults each of them gets as many; whoever runs all their hosts gets more than that by as many \
            times as there are vaults for each that is needed.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var vault: VaultOptions

    @Option(help: "How many more, 1 to 1000.")
    var guesses: UInt32

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard (1...1000).contains(guesses) else { throw ValidationError("--guesses is between 1 and 1000.") }
    }

    func run() async throws {
        let device = try device.openNamed()
        let fleet = try await vault.fleet(self.device.deviceHome, waiting: .nearlyAll)
        let recipe = device.state.enrollment?.recipe
        let (count, needed) = (recipe?.vaults.count ?? 1, Int(recipe?.threshold ?? 1))
        // Each vault's host gets as many, and as many of them as are needed make a guess.
        let others = Int(guesses) * count / needed
        let question =
            count == 1
            ? "Whoever runs the vault's host gets these \(guesses) guesses at your password too. Grant them?"
            : "Whoever runs the hosts of all \(count) vaults gets \(others) guesses at your password for it. Grant them?"
        guard yes || Console.confirms(question) else { throw InputError.notConfirmed }
        let results = await device.grants(guesses, at: fleet)
        await fleet.close()
        let slots = results.compactMap { try? $0.get() }
        for missing in fleet.failures(results) { Console.say("tenpin: \(missing.address): \(missing.error)") }
        // The person can try as often as enough of the vaults allow.
        guard let slot = slots.fewest(of: needed) else { throw try fleet.tooFew(results, needed: needed) }
        if json {
            return try printJSON(["count": slot.count, "ceiling": slot.ceiling, "guessesLeft": slot.guessesLeft])
        }
        let whom = count == 1 ? "and to the vault's host" : "and \(others) to whoever runs the hosts of all vaults"
        print("Granted \(guesses) more guesses to you \(whom); \(slot.guessesLeft) guesses left.")
    }
}

struct ChangePasswordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change-password",
        abstract: "Put a new backup key behind a new password, and burn the old slot.",
        discussion: """
            Needs a device that has the key; older backups stay readable, their keys ride along. Killed at any moment, \
            the old or the new password works, and `tenpin status` finishes what was begun.

              tenpin change-password --vault unix:/run/tenpin/vault.sock --account alice
              tenpin change-password --account alice --new-password-file pw

            The vaults named now are the ones that hold the new key: so a vault is added, left out or replaced. An old slot \
            at a vault that is not among them stays until this device meets it.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var vault: VaultOptions
    @OptionGroup var password: NewPasswordOptions
    @OptionGroup var work: WorkOptions
    @OptionGroup var exposure: ExposureOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        let limits = try work.limits(vaults: vault.addresses.count)
        let choice = try work.choice(limits, on: device.deviceHome)
        var device = try device.openNamed()
        let fleet = try await vault.fleet(self.device.deviceHome, waiting: .nearlyAll)
        try await device.finish(at: fleet)
        try fleet.needAll()
        limits.sentences.forEach(Console.note)
        let exposureKnown = exposure.isKnown(to: device)
        let typed = try password.source.newPassword()
        try await device.changePassword(
            at: fleet, to: typed, choice: choice, exposureKnown: exposureKnown)
        await fleet.close()
        try EnrolledResult(device, fleet).report(json: json, said: "Changed the password of")
    }
}

extension Device.Finished {
    var enrollment: EnrollmentID {
        switch self {
        case .enrolled(let enrollment), .burnt(let enrollment), .goneByItsClaim(let enrollment): enrollment
        }
    }

    /// Whether only the vault's word stands for it.
    var isClaim: Bool {
        if case .goneByItsClaim = self { true } else { false }
    }
}

struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Burn the account's slot and have its record erased.",
        discussion: """
            The backup keys stay on this device; nothing at the vault brings them back afterwards. Without the key, \
            --unburnt has the record erased all the same, and leaves its guesses with a dishonest host.

              tenpin forget --vault unix:/run/tenpin/vault.sock --account alice
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var vault: VaultOptions

    @Flag(help: "Have an enrollment erased that this device cannot burn.")
    var unburnt = false

    @Flag(help: "Do not ask.")
    var yes = false

    func run() async throws {
        var device = try device.openNamed()
        let fleet = try await vault.fleet(self.device.deviceHome, waiting: .nearlyAll)
        let question = "After this no password brings the backup key back from the vault. Forget the account there?"
        guard yes || Console.confirms(question) else { throw InputError.notConfirmed }
        var forgotten = fleet.links.count
        if unburnt {
            try await device.forgetUnburnt(try await device.enrollmentToReplace(at: fleet), at: fleet)
        } else {
            let recipe = device.state.enrollment?.recipe
            let done = try await device.forget(at: fleet)
            // Fewer shares than are needed are worth nothing to anyone.
            let left = recipe.map { Unburnt(device).count(of: $0.enrollment) } ?? 0
            guard left < Int(recipe?.threshold ?? 1), recipe != nil || !done.contains(where: \.isClaim) else {
                throw fleet.count == 1 ? Outcome.goneByClaim : Outcome.tooManyUnburnt(left)
            }
            for missing in fleet.missing { Console.say("tenpin: \(missing.address): \(missing.error)") }
            Unburnt(device).sentences.forEach(Console.say)
            if let recipe { forgotten = done.count { $0.enrollment == recipe.enrollment } }
        }
        await fleet.close()
        let some = forgotten == fleet.count ? "The" : "\(forgotten) of the \(fleet.count)"
        print("\(some) \(fleet.count == 1 ? "vault has" : "vaults have") forgotten \(device.account).")
    }
}
