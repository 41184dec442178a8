import ArgumentParser
import Endorsement
import Foundation
import TPM
import VaultAPI
import VaultClient

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the account stands at its vault, or at each of them. No guess is spent.",
        discussion: """
            On a device that has the key, count and ceiling come from the chip itself; elsewhere they are the vault's word. \
            Guesses that you did not make are the count without your recoveries and the wrong passwords typed on this \
            device. Wrong passwords typed on another device are among them; any more, and somebody else is guessing: \
            change the password. (A vault may hide one of its guesses behind each wrong password that you are told of.)

              tenpin status --vault unix:/run/tenpin/vault.sock --account alice --json
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var vault: VaultOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        var device = try device.openNamed()
        let fleet = try await vault.fleet(self.device.deviceHome, waiting: .most)
        var finished: [Device.Finished] = []
        var unfinished: (any Error)?
        do {
            finished = try await device.finish(at: fleet)
        } catch {
            // Of several vaults it is shown how they stand, whatever one of them leaves unfinished.
            guard fleet.count > 1 else { throw error }
            unfinished = error
        }
        let results = await device.statuses(at: fleet)
        await fleet.close()
        guard fleet.count > 1 else {
            // Also where nothing is left of the account afterwards.
            if !json { for thing in finished { print("Finished: \(describe(thing)).") } }
            let report = StatusReport(device.account.id, try results[0].get(), fleet.links[0].vault)
            return json ? try printJSON(report) : report.show()
        }
        let report = FleetReport(device, fleet, results)
        if json { return try printJSON(report) }
        for thing in finished { print("Finished: \(describe(thing)).") }
        if let unfinished { Console.say("tenpin: what was begun earlier could not be finished yet: \(unfinished)") }
        report.show()
    }

    private func describe(_ finished: Device.Finished) -> String {
        switch finished {
        case .enrolled(let id): "enrollment \(id) is live"
        case .burnt(let id): "the old enrollment \(id) is burnt"
        case .goneByItsClaim(let id): "the old enrollment \(id) is gone, by the vault's word"
        }
    }
}

struct StatusReport: Encodable {
    let account: String
    let generation: UInt32
    let limit: UInt32
    let count: UInt32
    let ceiling: UInt32
    let guessesLeft: UInt32
    /// Whether the chip itself said so, in a session of this device's.
    let proven: Bool
    let granted: UInt32?
    /// Guesses that no recovery of this person stands for.
    let notProvenYours: UInt32?
    /// How many of these were wrong passwords, or not given back, on this device.
    let mistypedHere: UInt32?
    /// The rest: not this person's, or typed on another device.
    let notMadeByYou: UInt32?
    let endorsementName: String
    let emulated: Bool
    let tpm: TrustReport

    init(_ account: String, _ status: AccountStatus, _ vault: TrustedVault) {
        self.account = account
        generation = status.recipe.generation
        limit = status.recipe.vaults.first?.limit ?? 0
        let slot = status.proven?.slot ?? status.claimed
        count = slot.count
        ceiling = slot.ceiling
        guessesLeft = slot.guessesLeft
        proven = status.proven != nil
        granted = status.proven?.granted
        notProvenYours = status.proven?.unproven
        mistypedHere = status.proven?.mistypedHere
        notMadeByYou = status.proven?.notMade
        endorsementName = vault.endorsementName.description
        emulated = vault.isEmulated
        tpm = TrustReport(vault)
    }

    func show() {
        print("Account       \(account), backup key \(generation)")
        print("Guesses left  \(guessesLeft) (count \(count), ceiling \(ceiling), limit \(limit))")
        print(
            "Said by       \(proven ? "the chip, in a session of this device" : "the vault; this device cannot prove it")"
        )
        if let notMadeByYou, let mistypedHere {
            let whose = notMadeByYou == 0 ? "" : ": somebody else's, or your wrong passwords on another device"
            print("Not yours     \(notMadeByYou) of the guesses\(whose)")
            if mistypedHere > 0 { print("Mistyped      \(mistypedHere) of the guesses, on this device") }
        }
        if let granted, granted > 0 { print("Granted       \(granted) guesses beyond the limit") }
        print("Trust tier    \(tpm.tier.sentence)")
    }
}
