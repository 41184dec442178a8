import Backup
import Endorsement
import Foundation
import Receipts
import TPM
import VaultAPI
import VaultClient

/// A receipt that is believed, as a person or a script reads it.
struct ReceiptReport: Encodable {
    private let account: String?
    private let enrollment: String?
    private let recipeHash: String?
    private let count: UInt32
    private let ceiling: UInt32
    private let limit: UInt32?
    private let burnt: Bool
    /// By the word of who asked for the receipt.
    private let date: String
    /// `challenge` or `session`.
    private let binding: String
    private let endorsementName: String
    /// Whether this device has the endorsement Name from elsewhere.
    private let pinned: Bool
    private let maker: String
    private let firmware: String
    private let tier: TrustTier
    /// Published attacks on its firmware, a sentence each.
    private let warnings: [String]
    private let slot: String
    private let slotName: String
    private let attestationKeyName: String
    private let clock: UInt64
    private let resets: UInt32
    private let restarts: UInt32
    private let clockIsSafe: Bool

    init(_ checked: CheckedReceipt, binding: ReceiptBinding, isPinned: Bool) {
        let recipe = checked.statement.recipe
        account = recipe?.account.id
        enrollment = recipe?.enrollment.description
        recipeHash = recipe?.hash.hexadecimal
        count = checked.count.count
        ceiling = checked.count.ceiling
        limit = recipe?.vaults.first?.limit
        burnt = checked.count.isBurnt
        date = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: Double(checked.statement.date)))
        self.binding = binding.rawValue
        endorsementName = checked.endorsementName.description
        pinned = isPinned
        maker = "\(checked.certificate.chip.manufacturer) \(checked.certificate.chip.model)"
        firmware = checked.firmware
        tier = checked.tier
        warnings = checked.flaws.map(\.warning)
        slot = checked.slot.handle.description
        slotName = checked.slot.publicArea(written: true).name.description
        attestationKeyName = checked.attestationName.description
        clock = checked.clock.milliseconds
        resets = checked.clock.resetCount
        restarts = checked.clock.restartCount
        clockIsSafe = checked.clock.isSafe
    }

    func report(json: Bool) throws {
        if json { return try printJSON(self) }
        print("Account       \(account.map { "\($0), enrollment \(enrollment ?? "")" } ?? "not named")")
        print("Guesses       \(guesses)")
        print("Asked for     \(date), by the word of who asked")
        print("Chip          \(maker), firmware \(firmware)")
        print("Endorsement   \(endorsementName)\(pinned ? "" : " (compare it with the operator's)")")
        print("Slot          \(slot), Name \(slotName)")
        print("Clock         \(clock / 1000) s powered, \(resets) resets, \(restarts) restarts")
        print("Believed for  \(reason)")
        if !clockIsSafe { print("The chip's clock may have gone back: it lost its power not long before.") }
        print("Trust tier    \(tier.sentence)")
        if tier == .emulated { print("The TPM is EMULATED: its host can write any receipt.") }
        for warning in warnings { print("WARNING       \(warning)") }
    }

    private var guesses: String {
        if burnt { return "none ever again: the slot is burnt" }
        let first = limit.map { ", limit \($0)" } ?? ""
        return "\(count) made, \(ceiling > count ? ceiling - count : 0) left (ceiling \(ceiling)\(first))"
    }

    private var reason: String {
        binding == ReceiptBinding.challenge.rawValue
            ? "the chip opened your challenge" : "the chip proved its key to this device"
    }
}

extension CheckedReceipt {
    /// Refuses a receipt that is not for an enrollment that the backup pins.
    func expectEnrollment(ofBackup path: String) throws {
        let header = try BackupFile(opening: .file(path)).header
        let isNamed = header.stanzas.contains { stanza in
            if case .vault(let vault) = stanza { vault.recipeHash == statement.recipe?.hash } else { false }
        }
        guard isNamed else { throw Outcome.otherBackupsReceipt }
    }
}
