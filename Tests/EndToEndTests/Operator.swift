import DeviceTestSupport
import Foundation
import OPRF
import TPM
import TPMDevice
import TestSupport
import VaultAPI
import VaultTestSupport

@testable import Vault
@testable import VaultClient

/// Who runs the vault's host: spends guesses of other people's, and looks at chip and store.
extension World {
    /// Has a point of the operator's own evaluated; `false` when the chip refuses.
    func operatorGuesses(_ account: Account, _ enrollment: EnrollmentID) async throws -> Bool {
        let connection = try await dialer().connect()
        let point = try Scalar.random().publicKey()
        do throws(VaultClientError) {
            _ = try await connection.call(
                Evaluate(account: account, enrollment: enrollment, blinded: Bytes(point.sec1)))
            await connection.close()
            return true
        } catch {
            await connection.close()
            guard error.reason == .fault(.lockedOut) else { throw error }
            return false
        }
    }

    /// Guesses until the chip refuses; gives how many it answered.
    func operatorGuessesOn(_ account: Account, _ enrollment: EnrollmentID) async throws -> Int {
        var count = 0
        while try await operatorGuesses(account, enrollment) { count += 1 }
        return count
    }

    /// Count and ceiling as the vault says.
    func claimed(_ account: Account) async throws -> SlotCount {
        let connection = try await dialer().connect()
        let reply = try await connection.call(LookUp(account: account))
        await connection.close()
        return SlotCount(count: reply.count, ceiling: reply.ceiling)
    }

    /// What chip and store hold, read while the vault is stopped.
    struct Inventory: Sendable {
        var rows: [VaultReport.Entry] = []
        /// The slots on the chip, whoever's.
        var slots: Set<UInt32> = []
        var transientObjects = 0
        var sessions = 0

        /// The one row of an account.
        func only(of account: Account) -> VaultReport.Entry? {
            let own = rows.filter { $0.account == account.id }
            return own.count == 1 ? own[0] : nil
        }

        /// Whether each row has its slot on the chip, and each slot its row.
        var agrees: Bool { Set(rows.map { UInt32(Handle(text: $0.slot)) }) == slots }
    }

    func inventory() async throws -> Inventory {
        let served = served
        return try await served.whileStopped { try Self.inventory(of: served) }
    }

    /// The same of a vault that is stopped already.
    static func inventory(of served: ServedVault) throws -> Inventory {
        let chip = try Chip(tcti: served.chip.tcti)
        var inventory = Inventory()
        inventory.rows = try VaultReport.read(home: served.home, chip: chip).accounts
        inventory.slots = Set(
            try chip.handles(from: Handle.slots.lowerBound).map(\.rawValue).filter { Handle.slots.contains($0) })
        inventory.transientObjects = try chip.handles(from: 0x8000_0000).count
        inventory.sessions = try chip.handles(from: 0x0200_0000).count + chip.handles(from: 0x0300_0000).count
        return inventory
    }

    /// Count and ceiling as tpm2-tools read them through the slot's uncounted branch, with no code of Tenpin's but the
    /// branch's digests.
    func independentCount(_ account: Account) async throws -> SlotCount {
        let served = served
        return try await served.whileStopped {
            guard
                let row = try VaultReport.read(home: served.home, chip: nil).accounts.first(where: {
                    $0.account == account.id
                })
            else { throw Missing.row }
            let chip = served.chip
            for (number, branch) in row.branches.enumerated() {
                try Data(hex(branch)).write(to: chip.folder.appending(path: "branch\(number)"))
            }
            try await chip.tpm2("startauthsession", "--policy-session", "-S", "eye.ctx")
            try await chip.tpm2("policycommandcode", "-S", "eye.ctx", "TPM2_CC_NV_Read")
            try await chip.tpm2("policyor", "-S", "eye.ctx", "-l", "sha256:branch0,branch1,branch2")
            try await chip.tpm2("nvread", "-C", row.slot, "-P", "session:eye.ctx", "-s", "8", "-o", "pin", row.slot)
            try await chip.tpm2("flushcontext", "eye.ctx")
            let bytes = Array(try Data(contentsOf: chip.folder.appending(path: "pin")))
            func number(_ part: ArraySlice<UInt8>) -> UInt32 { part.reduce(0) { $0 << 8 | UInt32($1) } }
            return SlotCount(count: number(bytes[0..<4]), ceiling: number(bytes[4..<8]))
        }
    }
}

extension UInt32 {
    init(_ handle: Handle) { self = handle.rawValue }
}

extension Handle {
    /// `0x` and eight digits.
    init(text: String) { self.init(UInt32(text.dropFirst(2), radix: 16) ?? 0) }
}
