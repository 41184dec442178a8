import TPM
import TPMDevice

/// A primary of a vault's: the chip keeps it already, or has made it and does not keep it yet.
struct ChipKey {
    let area: PublicArea
    /// Where the chip keeps it; `nil` when it does not.
    let handle: Handle?
    /// One that is not kept, saved out of the chip: making an RSA key again would take some chips another minute.
    fileprivate let context: [UInt8]
}

/// Finds and keeps primaries under persistent handles.
struct PersistentKeys {
    let chip: Chip

    /// A persistent object that matches, and where.
    func first(where matches: (PublicArea) -> Bool) throws(ChipError) -> ChipKey? {
        for handle in try chip.handles(from: Handle.ownerPersistent.lowerBound) {
            // Other people's objects may be of kinds that do not parse here; they are not ours.
            if let area = try chip.knownObject(at: handle), matches(area) {
                return ChipKey(area: area, handle: handle, context: [])
            }
        }
        return nil
    }

    /// Makes a primary, which the chip does not keep yet.
    func make(_ command: Command) throws(ChipError) -> ChipKey {
        try chip.withTransient(command, authorizedBy: authorization(of: command)) { (handle) throws(ChipError) in
            ChipKey(
                area: try chip.publicArea(of: handle), handle: nil,
                context: try chip.run(.contextSave(handle)).parameters)
        }
    }

    /// The first free persistent handle from `first` on.
    func free(from first: UInt32) throws -> Handle {
        let taken = Set(try chip.handles(from: Handle.ownerPersistent.lowerBound))
        guard let free = (first..<first + 256).map({ Handle($0) }).first(where: { !taken.contains($0) }) else {
            throw ProvisionError.noHandle
        }
        return free
    }

    /// Keeps a key that `make` made.
    func keep(_ key: ChipKey, at handle: Handle) throws(ChipError) {
        try chip.withTransient(.contextLoad(key.context)) { (transient) throws(ChipError) in
            _ = try chip.run(
                .evictControl(.init(transient, key.area.name), persistent: handle), authorizedBy: chip.owner)
        }
    }

    /// Takes a persistent key away.
    func remove(_ name: Name, at handle: Handle) throws(ChipError) {
        try chip.run(.evictControl(.init(handle, name), persistent: handle), authorizedBy: chip.owner)
    }

    private func authorization(of command: Command) -> Authorization {
        command.handles.first?.handle == .owner ? chip.owner : .password()
    }
}
