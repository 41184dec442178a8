import Foundation
import Logging
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// Removes an enrollment whose slot is burnt, or gone, or may stay unburnt by the person's word.
    func forget(_ call: Forget) throws(VaultFault) -> Done {
        let record = try record(call.enrollment, of: call.account, in: [.live, .replaced, .removing])
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

    /// Undefines a slot and erases its row; killed in between, the next start goes on.
    func remove(_ record: EnrollmentRecord) throws(VaultFault) {
        var record = record
        if record.state != .reserved {
            record.state = .removing
            let removing = record
            try stored { try store.update(removing) }
            try undefineSlot(of: record)
        }
        let gone = record
        try stored { try store.delete(gone) }
    }

    private func undefineSlot(of record: EnrollmentRecord) throws(VaultFault) {
        guard let slot = record.slotProfile(authority) else { return }
        try onChip { () throws(ChipError) in
            guard let found = try chip.nvPublic(of: slot.handle) else { return }
            guard found == slot.publicArea(written: true) || found == slot.publicArea(written: false) else {
                // Somebody else's index at our handle: not ours to destroy.
                log.warning("the index at \(slot.handle) is not the vault's and is left alone")
                return
            }
            try chip.run(.nvUndefineSpace(.init(slot.handle, found.name)), authorizedBy: chip.owner)
        }
    }
}
