import Endorsement
import Foundation
import TPM
import TPMDevice
import VaultAPI

/// What provisioning would do with a chip, found by commands that only read.
public struct ProvisionPlan: Codable, Hashable, Sendable {
    public var tcti: String
    public var home: String
    public var chip: SelfTestReport.Chip
    public var authorizations: HierarchyState
    /// In the order in which they would be done.
    public var steps: [Step]
    /// What is on the chip, or could be done to it, and will not be touched.
    public var untouched: [String]
    /// Why provisioning would fail now; empty when nothing stands in its way so far.
    public var obstacles: [String]

    /// One step.
    public struct Step: Codable, Hashable, Sendable {
        public var kind: Kind
        public var what: String
        /// The handle, where the step concerns one: `0x` and eight digits.
        public var handle: String?
    }

    public enum Kind: String, Codable, Hashable, Sendable {
        /// Looked at, nothing changed.
        case check
        /// Made, and gone again before provisioning ends.
        case passing
        /// There already.
        case keep
        /// Made persistent on the chip.
        case make
        /// Written on the disk.
        case write
    }
}

extension Provision {
    /// Looks at chip and home, and changes neither.
    public func plan(
        home: String, endorsement wanted: EndorsementTemplate?, measureCapacity: Bool, allowEmulated: Bool
    ) throws -> ProvisionPlan {
        var plan = ProvisionPlan(
            tcti: chip.tcti, home: home, chip: try SelfTestReport.Chip(chip),
            authorizations: try HierarchyState(of: chip), steps: [], untouched: [], obstacles: [])
        let before = try VaultConfiguration.earlier(home: home)
        plan.obstacles += try ChipRequirements.missing(of: chip).map { "It lacks \($0), which Tenpin needs." }
        plan.add(.check, "commands, curves and the largest hash, which are enough so far", unless: plan.obstacles)
        if plan.chip.emulated && !allowEmulated { plan.obstacles.append(ProvisionError.emulated.description) }
        if let before {
            do {
                try before.check(chip)
                plan.add(.check, "that this is the chip of the vault in \(home), which it is")
            } catch let error as VaultError {
                plan.obstacles.append(error.description)
            }
        }
        var kept = try persistentObjects()
        let endorsement = try planEndorsement(wanted, before, &kept, &plan)
        let parent = try planParent(before, &kept)
        plan.add(
            .passing,
            "a self-test of \(ChipProperty.all.count) properties with a throwaway slot and keys; a chip that fails one is refused"
                + " before anything is kept", at: Handle(Throwaway.Place.test.rawValue))
        plan.steps += [endorsement, parent, try planCounter(before)].compactMap { $0 }
        plan.add(
            .passing,
            measureCapacity
                ? "throwaway slots until the chip is full, to count the accounts that fit (the chip does not say how many do)"
                : "one throwaway slot, to see that there is room for one", at: Handle(SlotProbe.handles.lowerBound))
        plan.add(.write, "vault.json, vault.sqlite, selftest.json and a lock in \(home)")

        let indexes = try chip.handles(from: 0x0100_0000)
        plan.untouched += [
            "\(indexes.count) NV indexes that are there", "\(kept.count) other persistent keys that are there",
            "the authorization of every hierarchy", "the dictionary attack settings",
            "the TPM as a whole: it is never cleared",
        ]
        return plan
    }

    private func persistentObjects() throws -> [Handle: PublicArea?] {
        var objects: [Handle: PublicArea?] = [:]
        for handle in try chip.handles(from: Handle.ownerPersistent.lowerBound) {
            objects[handle] = .some(try chip.knownObject(at: handle))
        }
        return objects
    }

    private func planEndorsement(
        _ wanted: EndorsementTemplate?, _ before: VaultConfiguration?, _ kept: inout [Handle: PublicArea?],
        _ plan: inout ProvisionPlan
    ) throws -> ProvisionPlan.Step? {
        let found: FoundEndorsement
        do {
            found = try findCertificate(wanted)
        } catch let error as ProvisionError {
            plan.obstacles.append(error.description)
            return nil
        } catch let error as ChipError where error.isWrongAuthorization {
            plan.obstacles.append(
                "The owner's authorization is set, and the one given is not it: the certificate was not read. Give it with"
                    + " --owner-auth-file, --owner-auth-fd or a systemd credential.")
            return nil
        }
        plan.add(
            .check, "the endorsement certificate (\(found.template.rawValue)): \(found.certificate.subject)",
            at: found.template.certificateIndex)
        if let (handle, area) = kept.first(where: { $0.value.flatMap(EndorsementTemplate.init(of:)) == found.template })
        {
            kept[handle] = nil
            if let area, !found.certificate.certifiedKey.isKey(of: area) {
                plan.obstacles.append(ProvisionError.certificateOfAnotherKey(found.template.rawValue).description)
            }
            if let before, let area, before.endorsementKey != Bytes(area.tpm2b) {
                plan.obstacles.append(ProvisionError.otherEndorsement.description)
            }
            return .init(
                kind: .keep, what: "the endorsement key that the certificate is for", handle: handle.description)
        }
        if plan.authorizations.endorsement.isSet {
            plan.obstacles.append(
                "No endorsement key is persistent, and the endorsement hierarchy's authorization keeps one from being made."
            )
        }
        return .init(
            kind: .make, what: "the endorsement key from the template \(found.template.rawValue), persistent",
            handle: try PersistentKeys(chip: chip).free(from: Self.endorsementHandles).description)
    }

    private func planCounter(_ before: VaultConfiguration?) throws -> ProvisionPlan.Step {
        let what = "the journal's counter: an NV index that only rises, and is certified with the journal"
        let known = before?.journalCounter.map { Handle($0) }
        guard let known, try JournalCounter.area(at: known, on: chip) != nil else {
            return .init(kind: .make, what: what, handle: try (known ?? JournalCounter.free(on: chip)).description)
        }
        return .init(kind: .keep, what: what, handle: known.description)
    }

    /// Whether a key of the parent's form is the chip's own primary only making it again would tell, which a plan does not.
    private func planParent(
        _ before: VaultConfiguration?, _ kept: inout [Handle: PublicArea?]
    ) throws -> ProvisionPlan.Step {
        let own = try before.map { try PublicArea(tpm2b: $0.parent.bytes) }
        let match = kept.first { entry in
            guard let area = entry.value else { return false }
            return own.map { $0 == area } ?? ParentProfile.accepts(area)
        }
        if let match {
            kept[match.key] = nil
            return .init(
                kind: .keep,
                what: own == nil
                    ? "the parent, if the key of its form that is there turns out to be the chip's own"
                    : "the parent, under which devices seal", handle: match.key.description)
        }
        return .init(
            kind: .make,
            what: "the parent, under which devices seal: a P-256 storage key that can only take in and load",
            handle: try PersistentKeys(chip: chip).free(from: Self.parentHandles).description)
    }
}

extension ProvisionPlan {
    fileprivate mutating func add(_ kind: Kind, _ what: String, at handle: Handle? = nil) {
        steps.append(Step(kind: kind, what: what, handle: handle?.description))
    }

    fileprivate mutating func add(_ kind: Kind, _ what: String, unless obstacles: [String]) {
        if obstacles.isEmpty { add(kind, what) }
    }
}

extension ChipError {
    /// TPM_RC_AUTH_FAIL and TPM_RC_BAD_AUTH: the authorization value is another. TPM 2.0 Part 2 §6.6.
    public var isWrongAuthorization: Bool { responseCode.map { [0x08E, 0x0A2].contains($0.base) } ?? false }
}
