import Crypto
import TPM
import TPMDevice

/// Throwaway slots, to see whether the chip defines PIN Pass indexes, and how many. They are never written, and only a
/// key that is lost at once could write them, so that nothing is ever evaluated by them.
struct SlotProbe {
    /// Handles that no account's slot ever gets: the last of the range, more than any chip we know holds.
    static let handles: ClosedRange<UInt32> = 0x01BF_F000...0x01BF_FFFF

    private let chip: Chip
    private let authority: AuthorityProfile

    init(chip: Chip, endorsementName: Name, largestDigest: Int) throws(ProfileError) {
        self.chip = chip
        authority = try AuthorityProfile(largestDigest: largestDigest, endorsementName: endorsementName)
    }

    /// Defines one, to see that the chip can.
    func tryOne() throws {
        guard try define(count: 1) == 1 else { throw ProvisionError.pinPass("it has no room for one") }
    }

    /// How many fit beside what the chip holds now.
    func count() throws -> Int {
        let count = try define(count: Self.handles.count)
        guard count > 0 else { throw ProvisionError.pinPass("it has no room for one") }
        return count
    }

    /// Takes away what an earlier run that was killed has left: unwritten slots at the probe's handles.
    func clearLeftovers() throws(ChipError) {
        for handle in try chip.handles(from: Self.handles.lowerBound) where Self.handles.contains(handle.rawValue) {
            // One that does not parse is somebody else's.
            guard let area = try? chip.nvPublic(of: handle), area.attributes == Self.attributes else { continue }
            try chip.run(.nvUndefineSpace(.init(handle, area.name)), authorizedBy: chip.owner)
        }
    }

    private static let attributes: NVAttributes = [.policyWrite, .authRead, .policyRead, .noDA, .pinPass]

    private func define(count wanted: Int) throws -> Int {
        let slot = try freshSlot()
        var made = 0
        do throws(ChipError) {
            for handle in Self.handles.prefix(wanted) {
                var area = slot.publicArea(written: false)
                area.index = Handle(handle)
                try chip.run(.nvDefineSpace(area), authorizedBy: chip.owner)
                made += 1
            }
        } catch {
            // Full is an answer; anything else is a chip that cannot.
            guard error.responseCode == .nvSpace else {
                try clearLeftovers()
                if made == 0 { throw ProvisionError.pinPass("\(error)") }
                throw error
            }
        }
        try clearLeftovers()
        return made
    }

    private func freshSlot() throws -> SlotProfile {
        while true {
            let point = P256Point(P256.Signing.PrivateKey().publicKey)
            do {
                return try SlotProfile(
                    handle: Handle(Self.handles.lowerBound), authority: authority, limitKey: point)
            } catch ProfileError.unusableKey {
                continue
            }
        }
    }
}
