import Foundation
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// Who the vault says it is. It waits for nobody, and asks neither chip nor disk.
    nonisolated func describe() -> Describe.Reply {
        Describe.Reply(
            suite: Recipe.suite, endorsementKey: configuration.endorsementKey, certificate: configuration.certificate,
            intermediates: configuration.intermediates, parent: configuration.parent,
            freeSlots: configuration.capacity.map { max(0, $0 - store.slotCount) }, emulated: configuration.emulated)
    }

    /// What a device needs to recover, and count and ceiling as the vault knows them. Where it knows of no guess that is left, or has not
    /// read them yet, as the chip has them just now: nobody is turned away on the vault's word.
    func lookUp(_ call: LookUp) throws(VaultFault) -> LookUp.Reply {
        let records = try stored { try store.enrollments(of: call.account) }
        guard let live = records.first(where: { $0.state == .live }), let recipe = live.decodedRecipe,
            let confirmation = live.confirmation, let bundle = live.bundlePublic
        else { throw .unknownAccount }
        let count: SlotCount
        do throws(VaultFault) {
            count = try self.count(of: recipe.enrollment) { live }
        } catch .slotGone {
            // No guess is left of it. Its generation is still told, so that what takes its place can be above it.
            count = SlotCount(count: 0, ceiling: 0)
        }
        return LookUp.Reply(
            recipe: recipe, confirmation: Bytes(Array(confirmation)), bundle: Bytes(Array(bundle)),
            olderKeys: Bytes(Array(live.olderKeys ?? .init())), ceilingRecord: live.ceilingRecord, count: count.count,
            ceiling: count.ceiling,
            replaced: records.filter { $0.state == .replaced }.compactMap { EnrollmentID(Array($0.id)) })
    }

    /// Count and ceiling as the vault knows them; as the chip has them where it knows of no guess that is left.
    func count(
        of enrollment: EnrollmentID, in record: () throws(VaultFault) -> EnrollmentRecord
    ) throws(VaultFault) -> SlotCount {
        if let known = seen[enrollment], known.guessesLeft > 0 { return known }
        let slot = try slot(of: record())
        let count = try onChip { () throws(ChipError) in try chip.read(slot) }
        seen[enrollment] = count
        return count
    }
}
