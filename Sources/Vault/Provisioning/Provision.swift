import Endorsement
import Foundation
import TPM
import TPMDevice
import VaultAPI

/// Makes a chip a vault: checks it, finds its endorsement key and certificate, makes the parent persistent, and writes
/// the configuration. Done twice, it finds what it made the first time.
public struct Provision {
    private let chip: Chip
    private let report: (String) -> Void

    /// Opens the chip; `report` is told each step.
    public init(tcti: String, ownerAuthorization: [UInt8], report: @escaping (String) -> Void) throws {
        chip = try Chip(tcti: tcti, ownerAuthorization: ownerAuthorization)
        self.report = report
    }

    /// Does it all. `wanted` picks the endorsement key; otherwise the first with a certificate is taken.
    /// `measureCapacity` fills the chip with throwaway slots and takes them away again, to count how many fit.
    /// An emulated chip is refused unless it is allowed.
    public func run(
        home: String, endorsement wanted: EndorsementTemplate?, measureCapacity: Bool, allowEmulated: Bool
    ) throws -> VaultConfiguration {
        // A vault that is being served has sessions on the chip, and would find it full.
        let lock = try HomeLock(home: preparing(home))
        // Another chip's keys in the place of this vault's would leave its accounts without their chip.
        let before = try earlier(home)
        if let before { try before.check(chip) }
        try chip.flushLeftovers()
        let largestDigest = try ChipRequirements.check(chip)
        let maker = try ChipRequirements.maker(of: chip)
        let isEmulated = maker.manufacturer == "IBM" || maker.vendor.hasPrefix("SW")
        guard allowEmulated || !isEmulated else { throw ProvisionError.emulated }
        report(
            "The chip (\(maker.manufacturer) \(maker.vendor), firmware \(maker.firmware)) can do what a vault needs.")
        let endorsement = try findEndorsement(wanted)
        if let before, before.endorsementKey != Bytes(endorsement.area.tpm2b) { throw ProvisionError.otherEndorsement }
        report("Endorsement key \(endorsement.template.rawValue) at \(endorsement.handle), with its certificate.")
        let parent = try makeParent()
        report("The parent is persistent at \(parent.handle).")
        let store = try Store(path: VaultConfiguration.storePath(home: home))
        let probe = try SlotProbe(
            chip: chip, endorsementName: endorsement.area.name, largestDigest: largestDigest)
        try probe.clearLeftovers()
        let capacity: Int?
        if measureCapacity {
            report("Counting how many accounts fit, by filling the chip with throwaway slots...")
            capacity = try probe.count() + store.slotCount
        } else {
            try probe.tryOne()
            capacity = before?.capacity
        }
        let configuration = VaultConfiguration(
            tcti: chip.tcti, endorsementHandle: endorsement.handle.rawValue,
            endorsementKey: Bytes(endorsement.area.tpm2b), certificate: Bytes(endorsement.certificate),
            intermediates: [], certificateSubject: endorsement.subject, parentHandle: parent.handle.rawValue,
            parent: Bytes(parent.area.tpm2b), largestDigest: largestDigest, capacity: capacity,
            emulated: isEmulated)
        try configuration.write(home: home)
        _ = consume lock
        return configuration
    }

    /// What an earlier run wrote, if one did.
    private func earlier(_ home: String) throws(HomeError) -> VaultConfiguration? {
        do throws(HomeError) {
            return try VaultConfiguration.read(home: home)
        } catch {
            if case .notProvisioned = error { return nil }
            throw error
        }
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

    private struct FoundEndorsement {
        let template: EndorsementTemplate
        let handle: Handle
        let area: PublicArea
        let certificate: [UInt8]
        let subject: String
    }

    private func findEndorsement(_ wanted: EndorsementTemplate?) throws -> FoundEndorsement {
        for template in wanted.map({ [$0] }) ?? EndorsementTemplate.allCases {
            guard let index = try chip.nvPublic(of: template.certificateIndex) else { continue }
            let der = try chip.readByOwner(index)
            let certificate = try EndorsementCertificate(der: der)
            let area: PublicArea
            let handle: Handle
            if let found = try persistent(where: { EndorsementTemplate(of: $0) == template }) {
                (handle, area) = found
            } else {
                (handle, area) = try makePersistent(
                    .createPrimary(template.publicArea, in: .endorsement), from: 0x8101_0000)
            }
            guard certificate.certifiedKey.isKey(of: area) else {
                throw ProvisionError.certificateOfAnotherKey(template.rawValue)
            }
            return FoundEndorsement(
                template: template, handle: handle, area: area, certificate: certificate.der,
                subject: certificate.subject)
        }
        throw ProvisionError.noCertificate
    }

    private func makeParent() throws -> (handle: Handle, area: PublicArea) {
        // The template gives the same key until the chip is cleared, so an equal one is the same one.
        let response = try chip.run(.createPrimary(ParentProfile.template, in: .owner), authorizedBy: chip.owner)
        let area = try chip.parse(response, to: .createPrimary) { (reader: inout Reader) throws(WireError) in
            try PublicArea(tpm2b: &reader)
        }
        if let handle = response.handle { try chip.flush(handle) }
        guard ParentProfile.accepts(area) else { throw ProvisionError.parent }
        if let found = try persistent(where: { $0 == area }) { return found }
        return try makePersistent(.createPrimary(ParentProfile.template, in: .owner), from: 0x8100_0100)
    }

    private func persistent(where matches: (PublicArea) -> Bool) throws -> (handle: Handle, area: PublicArea)? {
        for handle in try chip.handles(from: Handle.ownerPersistent.lowerBound) {
            // Other people's objects may be of kinds that do not parse here; they are not ours.
            if let area = try? chip.publicArea(of: handle), matches(area) { return (handle, area) }
        }
        return nil
    }

    /// Makes a primary and keeps it under the first free handle from `first` on.
    private func makePersistent(_ command: Command, from first: UInt32) throws -> (handle: Handle, area: PublicArea) {
        let taken = Set(try chip.handles(from: Handle.ownerPersistent.lowerBound))
        guard let free = (first..<first + 256).map({ Handle($0) }).first(where: { !taken.contains($0) }) else {
            throw ProvisionError.noHandle
        }
        let authorization = command.handles.first?.handle == .owner ? chip.owner : .password()
        let area = try chip.withTransient(command, authorizedBy: authorization) { (handle) throws(ChipError) in
            let area = try chip.publicArea(of: handle)
            try chip.run(.evictControl(.init(handle, area.name), persistent: free), authorizedBy: chip.owner)
            return area
        }
        return (free, area)
    }
}
