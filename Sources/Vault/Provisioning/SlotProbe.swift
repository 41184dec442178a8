import TPM
import TPMDevice

/// Throwaway slots, to see whether the chip defines PIN Pass indexes, and how many. They are never written, so that nothing is
/// ever evaluated by them.
struct SlotProbe {
    /// Handles that no account's slot ever gets: near the end of the range, more than any chip we know holds.
    static let handles: ClosedRange<UInt32> = 0x01BF_F000...0x01BF_FEFF

    private let chip: Chip
    private let throwaway: Throwaway

    init(chip: Chip, largestDigest: Int) throws(ProfileError) {
        self.chip = chip
        throwaway = try Throwaway(.test, largestDigest: largestDigest)
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

    /// Takes away what an earlier run that was killed has left: bit for bit what a probe makes.
    func clearLeftovers() throws(ChipError) {
        for handle in try chip.handles(from: Self.handles.lowerBound) where Self.handles.contains(handle.rawValue) {
            // One that does not parse is somebody else's.
            guard let area = try chip.knownIndex(at: handle), area == self.area(at: handle) else { continue }
            try chip.run(.nvUndefineSpace(.init(handle, area.name)), authorizedBy: chip.owner)
        }
    }

    private func area(at handle: Handle) -> NVPublic {
        var area = throwaway.slot.publicArea(written: false)
        area.index = handle
        return area
    }

    private func define(count wanted: Int) throws -> Int {
        var made = 0
        do throws(ChipError) {
            for handle in Self.handles where made < wanted {
                // Somebody else's index keeps its handle.
                let code = try chip.answer(to: .nvDefineSpace(area(at: Handle(handle))), authorizedBy: chip.owner)
                if code == .nvDefined { continue }
                guard code.isSuccess else { throw .refused(.nvDefineSpace, code) }
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
}
