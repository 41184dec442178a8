import Foundation
import Logging
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// Removes an enrollment whose slot is burnt, or gone, or may stay unburnt by the person's word. Of one that is only armed
    /// the vault has nothing that makes a guess checkable: its device gave it up, because another vault failed.
    func forget(_ call: Forget) throws(VaultFault) -> Done {
        let record = try record(
            call.enrollment, of: call.account,
            in: call.unburnt ? [.defined, .armed, .live, .replaced, .removing] : [.live, .replaced, .removing])
        if !call.unburnt, record.state != .removing {
            let slot = try slot(of: record)
            do throws(VaultFault) {
                let count = try onChip { () throws(ChipError) in try chip.read(slot) }
                guard count.isBurnt else { throw .notBurnt }
            } catch .slotGone {
                // Its owner destroyed it: there is nothing left to burn.
            }
        }
        try remove(record)
        return Done()
    }

    /// Undefines a slot and erases its row; killed in between, the next start goes on. A row whose slot cannot be told to be
    /// gone stays, as `removing`.
    func remove(_ record: EnrollmentRecord) throws(VaultFault) {
        var record = record
        if let id = EnrollmentID(Array(record.id)) {
            enrolling[id] = nil
            seen[id] = nil
            unread.remove(id)
        }
        if record.state != .reserved {
            record.state = .removing
            let removing = record
            try stored { try store.update(removing) }
            try undefineSlot(of: record)
        }
        let gone = record
        try stored { try store.delete(gone, at: now()) }
    }

    private func undefineSlot(of record: EnrollmentRecord) throws(VaultFault) {
        let isGone = try onChip { () throws(ChipError) in
            guard try chip.isDefined(record.handle) else { return true }
            // An index that does not even parse is somebody else's: not ours to destroy.
            guard let slot = record.slotProfile(authority), let found = try chip.knownIndex(at: slot.handle),
                found == slot.publicArea(written: true) || found == slot.publicArea(written: false)
            else { return false }
            try chip.run(.nvUndefineSpace(.init(slot.handle, found.name)), authorizedBy: chip.owner)
            return true
        }
        guard !isGone else { return }
        // 1. The chip's largest hash changes, and with it what a slot looks like; 2. the row is erased; 3. the slot stays on the
        // chip with its guesses, and nobody knows of it.
        log.error("the index at \(record.handle) is not as the vault made it: it stays, and so does its row")
        throw .chipUnavailable
    }
}
