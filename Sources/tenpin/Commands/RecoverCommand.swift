import ArgumentParser
import Backup
import Endorsement
import Foundation
import Secrets
import TPM
import VaultAPI
import VaultClient

struct RecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Get the backup key back with the password.",
        discussion: """
            A wrong password costs a guess, the right one costs none: it is given back. Name the backup that is to be \
            restored, if it is at hand: an impostor then gets no guess at all, and the key is checked against it.

              tenpin recover --vault unix:/run/tenpin/vault.sock --account alice
              tenpin recover --account alice --backup pictures.tenpin --password-file pw

            Of several vaults name all, as when you enrolled; those that are lost do no harm, as long as enough answer.

              tenpin recover --vault unix:a.sock --vault unix:b.sock --vault unix:c.sock
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var vault: VaultOptions
    @OptionGroup var password: PasswordOptions

    @Option(help: ArgumentHelp("The backup that the key is for.", valueName: "file"))
    var backup: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        let header = try backup.map { try BackupFile(opening: .file($0)).header }
        var device = try device.openNamed()
        let fleet = try await vault.fleet(self.device.deviceHome, waiting: .most)
        let typed = try password.source.password()
        let outcome = try await device.recover(
            at: fleet, password: typed, pinned: header?.pin(of: device.account)
        ) { recovered in header.map(recovered.holdsKey) ?? true }
        guard case .recovered(let recovered) = outcome else {
            await fleet.close()
            throw Outcome(outcome)
        }
        // What a crash or a lost connection left to do; the recovery stands without it.
        var result = RecoveredResult(device.account, recovered, fleet)
        do {
            let finished = try await device.finish(at: fleet)
            // A change of password that was under way holds now: what was recovered is an older key already.
            if finished.contains(where: \.isEnrolled), let live = device.state.enrollment {
                let slots = await device.statuses(at: fleet).compactMap { try? $0.get().proven?.slot }
                result.goOn(with: device.state, slots.fewest(of: Int(live.recipe.threshold)))
            }
        } catch {
            Console.say("tenpin: what was begun earlier could not be finished yet: \(error)")
        }
        await fleet.close()
        try result.report(json: json)
    }
}

extension Outcome {
    init(_ outcome: RecoverOutcome) {
        self =
            if case .wrongPassword(let left) = outcome { .wrongPassword(guessesLeft: left) } else { .lockedOut }
    }
}

extension Recovered {
    /// Whether one of the keys is the backup's.
    func holdsKey(for header: BackupHeader) -> Bool {
        ([key] + olderKeys).contains { kept in
            guard let key = BackupKey(kept.key.bytes.duplicate()) else { return false }
            return key.id == header.keyID
        }
    }
}

extension BackupHeader {
    /// Whether its key was behind a password when it was written.
    var namesVault: Bool {
        stanzas.contains { if case .vault = $0 { true } else { false } }
    }

    /// What the backup's header pins of this account's enrollment.
    func pin(of account: Account) -> PinnedRecipe? {
        for case .vault(let stanza) in stanzas where stanza.account == account.id {
            return PinnedRecipe(hash: stanza.recipeHash, confirmation: stanza.confirmation)
        }
        return nil
    }
}

private struct RecoveredResult: Encodable {
    let account: String
    private(set) var generation: UInt32
    private(set) var olderKeys: Int
    private(set) var guessesLeft: UInt32?
    let refunded: Bool
    /// Of one vault.
    let tpm: TrustReport?
    /// Of several vaults.
    let vaults: [VaultReport]?
    private let warnings: [String]

    private enum CodingKeys: CodingKey { case account, generation, olderKeys, guessesLeft, refunded, tpm, vaults }

    /// What one of several vaults was good for.
    struct VaultReport: Encodable {
        let address: String
        let refunded: Bool
        /// Why it was of no use.
        let trouble: String?
    }

    init(_ account: Account, _ recovered: Recovered, _ fleet: Fleet) {
        let isAlone = recovered.recipe.vaults.count == 1
        tpm = isAlone ? fleet.links.first.map { TrustReport($0.vault) } : nil
        vaults =
            isAlone
            ? nil
            : recovered.refunds.map { one in
                let isGiven = if case .given = one.refund { true } else { false }
                return VaultReport(address: one.address, refunded: isGiven, trouble: nil)
            }
                + recovered.troubles.map {
                    VaultReport(address: $0.address, refunded: false, trouble: $0.error.reason.sentence)
                }
        self.account = account.id
        generation = recovered.key.generation
        olderKeys = recovered.olderKeys.count
        var warnings: [String] = []
        switch recovered.refund {
        case .given(let slot):
            refunded = true
            guessesLeft = slot.guessesLeft
        case .failed(let error):
            refunded = false
            guessesLeft = nil
            warnings.append("The guess could not be given back: \(error)")
        }
        if let flaw = recovered.olderKeysFlaw { warnings.append("Older keys could not be read: \(flaw)") }
        for trouble in recovered.troubles where !isAlone || fleet.count > 1 {
            let what = trouble.error.reason == .evaluationNotProven ? "" : " was of no use"
            warnings.append("The vault at \(trouble.address)\(what): \(trouble.error.reason.sentence)")
        }
        self.warnings = warnings
    }

    /// The newer enrollment that is live now, with its slot as the chip proved it.
    mutating func goOn(with state: DeviceState, _ slot: SlotCount?) {
        generation = state.key?.generation ?? generation
        olderKeys = state.olderKeys.count
        guessesLeft = slot?.guessesLeft
    }

    /// With as few guesses left, a new password is proposed.
    private static let few: UInt32 = 3

    func report(json: Bool) throws {
        for warning in warnings { Console.say(warning) }
        if let guessesLeft, guessesLeft <= Self.few {
            Console.say("Only \(guessesLeft) guesses are left; get ten new ones with `tenpin change-password`.")
        }
        if json { return try printJSON(self) }
        let left = guessesLeft.map { "; \($0) guesses left" } ?? ""
        print("Recovered backup key \(generation) of \(account)\(left).")
        if let tpm { print("The vault's TPM: \(tpm.tier.sentence)") }
    }
}
