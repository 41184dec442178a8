import Foundation
import TPM
import TPMDevice
import VaultAPI

/// Takes a vault off its chip: slots, the persistent keys that provisioning made, and then the files. Nothing that was found is
/// removed, nor anything that is not bit for bit the vault's. Killed at any point, it can be run again.
public struct Deprovision: ~Copyable {
    private let home: String
    private let chip: Chip
    private let configuration: VaultConfiguration?
    private let journal: ProvisionJournal?
    private let lock: HomeLock

    /// Opens home and chip; a vault that is served, or another chip, is refused. Without `tcti` the chip is the one that the home names.
    public init(home: String, tcti: String?, ownerAuthorization: [UInt8]) throws {
        let configuration = try VaultConfiguration.earlier(home: home)
        let journal = try ProvisionJournal.read(home: home)
        guard let tcti = tcti ?? configuration?.tcti ?? journal?.tcti else { throw HomeError.notProvisioned(home) }
        let lock = try HomeLock(home: home)
        let chip = try Chip(tcti: tcti, ownerAuthorization: ownerAuthorization)
        // On another chip, what is missing there would be taken for removed, and would stay on this vault's own.
        if let configuration, configuration.isBeingRemoved != true { try configuration.check(chip) }
        self.home = home
        self.chip = chip
        self.lock = lock
        self.configuration = configuration
        self.journal = journal
    }

    /// What is there to be removed, in the order in which it would be.
    public struct Inventory: Codable, Hashable, Sendable {
        /// The accounts that end for good.
        public var accounts: [String]
        public var slots: [Slot]
        public var keys: [Key]
        /// What stands at a handle of the vault's and is not what the vault made, and keys that it found: they stay.
        public var left: [String]
        public var files: [String]

        public struct Slot: Codable, Hashable, Sendable {
            public var handle: String
            public var account: String
            public var state: String
        }

        public struct Key: Codable, Hashable, Sendable {
            public var handle: String
            public var what: String
        }
    }

    /// The slots of the store that are on the chip as the vault made them, those of a chip whose largest hash has changed
    /// since included.
    private struct FoundSlot {
        let record: EnrollmentRecord
        let area: NVPublic
    }

    private func slots(_ left: inout [String]) throws -> [FoundSlot] {
        guard let configuration, FileManager.default.fileExists(atPath: VaultConfiguration.storePath(home: home))
        else { return [] }
        let endorsement = try PublicArea(tpm2b: configuration.endorsementKey.bytes).name
        let authorities = try [48, 64].map { try AuthorityProfile(largestDigest: $0, endorsementName: endorsement) }
        var found: [FoundSlot] = []
        for record in try store().enrollments() where try chip.isDefined(record.handle) {
            // One that does not even parse is somebody else's.
            let area = try chip.knownIndex(at: record.handle)
            let ours = authorities.compactMap { record.slotProfile($0) }.flatMap {
                [$0.publicArea(written: true), $0.publicArea(written: false)]
            }
            if let area, ours.contains(area) {
                found.append(FoundSlot(record: record, area: area))
            } else {
                left.append("the NV index at \(record.handle), which is not as the vault made it")
            }
        }
        return found
    }

    private func store() throws -> Store { try Store(path: VaultConfiguration.storePath(home: home)) }

    private struct FoundKey {
        let handle: Handle
        let area: PublicArea
        let what: String
    }

    private func keys(_ left: inout [String]) throws -> [FoundKey] {
        var wanted: [(handle: Handle, area: PublicArea, isMade: Bool)] = []
        if let configuration {
            for (handle, key) in [
                (configuration.parentHandle, configuration.parent),
                (configuration.endorsementHandle, configuration.endorsementKey),
            ] {
                let isMade = configuration.made?.contains(handle) == true
                wanted.append((Handle(handle), try PublicArea(tpm2b: key.bytes), isMade))
            }
        }
        for key in journal?.keys ?? [] {
            wanted.append((Handle(key.handle), try PublicArea(tpm2b: key.area.bytes), true))
        }
        let kept = try chip.handles(from: Handle.ownerPersistent.lowerBound)
        var found: [Handle: FoundKey] = [:]
        for (handle, area, isMade) in wanted where kept.contains(handle) {
            let what = EndorsementTemplate(of: area) == nil ? "the parent" : "the endorsement key"
            guard try chip.knownObject(at: handle) == area else {
                left.append("the persistent key at \(handle), which is not as the vault made it")
                continue
            }
            if isMade {
                found[handle] = FoundKey(handle: handle, area: area, what: what)
            } else if found[handle] == nil {
                left.append("\(what) at \(handle), which was there before the vault")
            }
        }
        return found.values.sorted { $0.handle.rawValue < $1.handle.rawValue }
    }

    /// The journal's counter, where it is on the chip as the vault made it.
    private func counter(_ left: inout [String]) throws -> NVPublic? {
        guard let handle = (configuration?.journalCounter ?? journal?.counter).map({ Handle($0) }),
            try chip.isDefined(handle)
        else { return nil }
        if let area = try JournalCounter.area(at: handle, on: chip) { return area }
        left.append("the NV index at \(handle), which is not as the vault made it")
        return nil
    }

    /// The vault's files, the one that says that there is a vault last.
    private static let names = [
        "vault.sqlite", "vault.sqlite-wal", "vault.sqlite-shm", "vault.sqlite-journal", "selftest.json",
        "selftest.json.new", "provision.json", "provision.json.new", "vault.json.new", "vault.json",
        "operator.sock", "operator.sock.lock", "lock",
    ]

    /// Looks, and removes nothing.
    public func inventory() throws -> Inventory {
        var left: [String] = []
        let slots = try slots(&left)
        let counter = try counter(&left).map {
            Inventory.Key(handle: $0.index.description, what: "the journal's counter")
        }
        let keys = try keys(&left).map { Inventory.Key(handle: $0.handle.description, what: $0.what) }
        let hasStore = FileManager.default.fileExists(atPath: VaultConfiguration.storePath(home: home))
        let accounts = hasStore ? Set(try store().enrollments().map(\.account)) : []
        return Inventory(
            accounts: accounts.sorted(),
            slots: slots.map {
                .init(
                    handle: $0.record.handle.description, account: $0.record.account, state: $0.record.state.rawValue)
            }, keys: [counter].compactMap { $0 } + keys, left: left,
            files: Self.names.filter { FileManager.default.fileExists(atPath: "\(home)/\($0)") })
    }

    /// Removes it all. `report` is told each step.
    public consuming func run(report: (String) -> Void) throws {
        try chip.flushLeftovers()
        var left: [String] = []
        for slot in try slots(&left) {
            try chip.run(
                .nvUndefineSpace(.init(slot.record.handle, slot.area.name)), authorizedBy: chip.owner)
            report("The slot at \(slot.record.handle) is gone.")
        }
        // What a test or a count that was killed has left.
        try Throwaway.clear(Throwaway.Place.allCases, on: chip)
        for size in [48, 64] { try SlotProbe(chip: chip, largestDigest: size).clearLeftovers() }

        // From here on keys may be missing, and still this is the vault's chip.
        if var configuration {
            configuration.isBeingRemoved = true
            try configuration.write(home: home)
        }
        if let counter = try counter(&left) {
            try chip.run(.nvUndefineSpace(.init(counter.index, counter.name)), authorizedBy: chip.owner)
            report("The journal's counter at \(counter.index) is gone.")
        }
        let keys = PersistentKeys(chip: chip)
        for key in try self.keys(&left) {
            try keys.remove(key.area.name, at: key.handle)
            report("\(key.what.capitalizedFirst) at \(key.handle) is gone.")
        }
        if FileManager.default.fileExists(atPath: SavedSessions.folder(home: home)) {
            SavedSessions(home: home).endAll(on: chip)
            unsafe rmdir(SavedSessions.folder(home: home))
        }
        for name in Self.names where unsafe unlink("\(home)/\(name)") != 0 && errno != ENOENT {
            throw HomeError.cannotWrite(home)
        }
        // A folder that holds something else is not the vault's alone.
        unsafe rmdir(home)
        report("The vault's files in \(home) are gone.")
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
