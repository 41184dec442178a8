import TPM
import TPMDevice

/// The index on the chip that counts the certificates of one vault's journal.
struct JournalCounter {
    let handle: Handle

    /// The first handle where nothing is.
    static func free(on chip: Chip) throws -> Handle {
        for handle in Handle.counters.map({ Handle($0) }) where try !chip.isDefined(handle) { return handle }
        throw ProvisionError.noCounter
    }

    /// Finds the counter at a handle that was written down before, or makes it, and counts it once so that it has a value.
    /// Killed in between, it is called again.
    init(at handle: Handle, on chip: Chip) throws {
        self.handle = handle
        if try !chip.isDefined(handle) {
            let area = CounterProfile.publicArea(at: handle, written: false)
            try chip.run(.nvDefineSpace(area), authorizedBy: chip.owner)
        }
        // One that does not even parse is somebody else's.
        switch try chip.knownIndex(at: handle) {
        case CounterProfile.publicArea(at: handle, written: true): break
        case CounterProfile.publicArea(at: handle, written: false): try chip.increment(handle, written: false)
        default: throw ProvisionError.foreignCounter(handle.description)
        }
    }

    /// The public area of the counter at `handle`, where one is there that is bit for bit a vault's.
    static func area(at handle: Handle, on chip: Chip) throws(ChipError) -> NVPublic? {
        guard try chip.isDefined(handle), let area = try chip.knownIndex(at: handle) else { return nil }
        let ours = [true, false].map { CounterProfile.publicArea(at: handle, written: $0) }
        return ours.contains(area) ? area : nil
    }
}
