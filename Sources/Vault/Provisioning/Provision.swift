import Endorsement
import Foundation
import TPM
import TPMDevice
import VaultAPI

/// Makes a chip a vault: tests it, finds its endorsement key and certificate, makes the parent persistent, and writes the
/// configuration. Done twice, it finds what it made the first time; killed at any command, the next run goes on.
public struct Provision {
    let chip: Chip
    private let report: (String) -> Void
    /// Certificates from files, which go before the chip's own.
    public var supplied = SuppliedCertificates()

    /// Opens the chip; `report` is told each step.
    public init(tcti: String, ownerAuthorization: [UInt8], report: @escaping (String) -> Void) throws {
        chip = try Chip(tcti: tcti, ownerAuthorization: ownerAuthorization)
        self.report = report
    }

    /// The persistent handles from which the first free one is taken.
    static let endorsementHandles: UInt32 = 0x8101_0000
    static let parentHandles: UInt32 = 0x8100_0100

    /// Does it all. `wanted` picks the endorsement key; otherwise the first with a certificate is taken.
    /// `measureCapacity` fills the chip with throwaway slots and takes them away again, to count how many fit.
    /// An emulated chip is refused unless it is allowed. `isStopped` is asked while nothing persistent is made yet: true
    /// ends it, with nothing left.
    public func run(
        home: String, endorsement wanted: EndorsementTemplate?, measureCapacity: Bool, allowEmulated: Bool,
        isStopped: @escaping () -> Bool = { false }
    ) throws -> VaultConfiguration {
        try run(
            home: home, endorsement: wanted, measureCapacity: measureCapacity, allowEmulated: allowEmulated,
            properties: ChipProperty.all, isStopped: isStopped)
    }

    /// As above, testing only these properties: for tests of other things, which provision many chips of one kind.
    package func run(
        home: String, endorsement wanted: EndorsementTemplate?, measureCapacity: Bool, allowEmulated: Bool,
        properties: [ChipProperty], isStopped: @escaping () -> Bool = { false }
    ) throws -> VaultConfiguration {
        // A vault that is being served has sessions on the chip, and would find it full.
        let lock = try HomeLock(home: preparing(home))
        // Another chip's keys in the place of this vault's would leave its accounts without their chip.
        let before = try VaultConfiguration.earlier(home: home)
        if let before { try before.check(chip) }

        // Everything is looked at before anything persistent is made.
        try chip.flushLeftovers()
        let largestDigest = try ChipRequirements.check(chip)
        let maker = try ChipRequirements.maker(of: chip)
        guard allowEmulated || !maker.isEmulated else { throw ProvisionError.emulated }
        let endorsement = try findCertificate(wanted)
        let identity = try chip.identity(endorsement.certificate)
        guard allowEmulated || identity.claimedTier != .emulated else { throw ProvisionError.emulated }
        let key = try key(of: endorsement)
        if let before, before.endorsementKey != Bytes(key.area.tpm2b) { throw ProvisionError.otherEndorsement }
        let parent = try findParent()
        let tested = try test(properties, isStopped)
        report(
            "The chip (\(maker.manufacturer) \(maker.vendor), firmware \(maker.firmware)) can do what a vault needs.")

        var keeper = try KeyKeeper(chip: chip, home: home, before: before)
        let endorsementHandle = try keeper.keep(key, from: Self.endorsementHandles)
        report("Endorsement key \(endorsement.template.rawValue) at \(endorsementHandle), with its certificate.")
        let parentHandle = try keeper.keep(parent, from: Self.parentHandles)
        report("The parent is persistent at \(parentHandle).")
        let counter = try keeper.keepCounter(before)
        report("The journal's counter is at \(counter).")

        let store = try Store(path: VaultConfiguration.storePath(home: home))
        let probe = try SlotProbe(chip: chip, largestDigest: largestDigest)
        try probe.clearLeftovers()
        let capacity: Int?
        if measureCapacity {
            report("Counting how many accounts fit, by filling the chip with throwaway slots...")
            capacity = try probe.count() + store.slotCount
        } else {
            try probe.tryOne()
            capacity = before?.capacity
        }
        var configuration = VaultConfiguration(
            tcti: chip.tcti, endorsementHandle: endorsementHandle.rawValue,
            endorsementKey: Bytes(key.area.tpm2b), certificate: Bytes(endorsement.certificate.der),
            intermediates: endorsement.authorities.map { Bytes($0.der) },
            certificateSubject: endorsement.certificate.subject,
            parentHandle: parentHandle.rawValue, parent: Bytes(parent.area.tpm2b), largestDigest: largestDigest,
            capacity: capacity, emulated: identity.claimedTier == .emulated)
        configuration.standing = ChipStanding(identity, endorsement.authorities)
        configuration.made = keeper.made
        configuration.journalCounter = counter.rawValue
        configuration.journalBegun = before?.journalBegun
        try tested.write(home: home)
        try configuration.write(home: home)
        ProvisionJournal.remove(home: home)
        _ = consume lock
        return configuration
    }

    private func preparing(_ home: String) throws(HomeError) -> String {
        do {
            try FileManager.default.createDirectory(
                atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .cannotWrite(home)
        }
        return home
    }

    /// Refuses a chip that does not have a property that the guess limit relies on.
    private func test(_ properties: [ChipProperty], _ isStopped: @escaping () -> Bool) throws -> SelfTestReport {
        if !properties.isEmpty { report("Testing the chip with a throwaway slot and key...") }
        let tested = try SelfTest(chip, isStopped: isStopped).run(properties)
        guard tested.failures.isEmpty else { throw ProvisionError.selfTest(tested.failures) }
        let held = tested.properties.count { $0.outcome == .held }
        if !properties.isEmpty {
            report(
                "\(held) of \(properties.count) properties held, \(properties.count - held) could not be tested here.")
        }
        return tested
    }

    // MARK: what there is

    private func key(of found: FoundEndorsement) throws -> ChipKey {
        let keys = PersistentKeys(chip: chip)
        let key =
            try keys.first { EndorsementTemplate(of: $0) == found.template }
            ?? keys.make(.createPrimary(found.template.publicArea, in: .endorsement))
        guard found.certificate.certifiedKey.isKey(of: key.area) else { throw try mismatch(found) }
        return key
    }

    private func findParent() throws -> ChipKey {
        let keys = PersistentKeys(chip: chip)
        // The template gives the same key until the chip is cleared, so an equal one is the same one.
        let made = try keys.make(.createPrimary(ParentProfile.template, in: .owner))
        guard ParentProfile.accepts(made.area) else { throw ProvisionError.parent }
        return try keys.first { $0 == made.area } ?? made
    }
}

/// Keeps keys on the chip, and remembers which ones it made.
private struct KeyKeeper {
    private let keys: PersistentKeys
    private let home: String
    private var journal: ProvisionJournal
    /// The persistent handles of keys that this vault made, now or earlier.
    private(set) var made: [UInt32]

    init(chip: Chip, home: String, before: VaultConfiguration?) throws(HomeError) {
        keys = PersistentKeys(chip: chip)
        self.home = home
        journal = try ProvisionJournal.read(home: home) ?? ProvisionJournal(tcti: chip.tcti)
        journal.tcti = chip.tcti
        made = before?.made ?? []
    }

    /// Where the chip keeps a key from now on.
    mutating func keep(_ key: ChipKey, from first: UInt32) throws -> Handle {
        let handle: Handle
        if let found = key.handle {
            guard journal.holds(key.area, at: found) else { return found }
            handle = found
        } else {
            handle = try keys.free(from: first)
            // First the file, then the chip: see `ProvisionJournal`.
            journal.keys.append(.init(handle: handle.rawValue, area: Bytes(key.area.tpm2b)))
            try journal.write(home: home)
            try keys.keep(key, at: handle)
        }
        if !made.contains(handle.rawValue) { made.append(handle.rawValue) }
        return handle
    }

    /// Where the journal's counter is from now on.
    mutating func keepCounter(_ before: VaultConfiguration?) throws -> Handle {
        let known = before?.journalCounter ?? journal.counter
        let handle = try known.map { Handle($0) } ?? JournalCounter.free(on: keys.chip)
        journal.counter = handle.rawValue
        try journal.write(home: home)
        return try JournalCounter(at: handle, on: keys.chip).handle
    }
}
