import Explain
import Foundation
import TPM
import TPMDevice
import VaultAPI

/// An object or index of a vault, with the policy that it was made with and the words for what that names.
public struct VaultObject: Sendable {
    /// `slot`, `evaluation-key`, `bundle`, `parent` or `endorsement-key`.
    public var kind: String
    /// `the slot 0x01800000 of alice`.
    public var title: String
    public var area: PublicFile
    public var policy: Policy
    public var explainer: Explainer
    /// The public areas of what the policy names.
    public var entities: FAPIPolicy.Entities

    /// Each way to use it, and what is not possible.
    public var explanation: Explanation { explainer.explain(area, title: title) }
    /// The policy for FAPI.
    public var fapi: FAPIPolicy { FAPIPolicy(policy, description: title, entities: entities) }

    /// The objects of an account's enrollments, with the chip's counts when `chip` is given.
    public static func all(of account: String, home: String, chip: Chip?) throws -> [VaultObject] {
        let reader = try Objects(home: home, chip: chip)
        return try reader.store.enrollments().filter { $0.account == account }.flatMap(reader.objects)
    }

    /// The vault's object at a handle, if there is one.
    public static func at(_ handle: Handle, home: String, chip: Chip?) throws -> VaultObject? {
        let reader = try Objects(home: home, chip: chip)
        if let key = try reader.key(at: handle) { return key }
        return try reader.store.enrollments().first { $0.handle == handle }.flatMap { record in
            try reader.objects(of: record).first { $0.kind == "slot" }
        }
    }
}

/// Reads objects from configuration and store.
private struct Objects {
    let configuration: VaultConfiguration
    let store: Store
    let endorsement: PublicArea
    let authority: AuthorityProfile
    let chip: Chip?

    init(home: String, chip: Chip?) throws {
        configuration = try VaultConfiguration.read(home: home)
        store = try Store(path: VaultConfiguration.storePath(home: home))
        endorsement = try PublicArea(tpm2b: configuration.endorsementKey.bytes)
        authority = try AuthorityProfile(
            largestDigest: configuration.largestDigest, endorsementName: endorsement.name)
        self.chip = chip
    }

    /// The vault's own keys.
    func key(at handle: Handle) throws -> VaultObject? {
        switch handle.rawValue {
        case configuration.parentHandle:
            let area = try PublicArea(tpm2b: configuration.parent.bytes)
            return try object("parent", "the parent \(handle)", area, ParentProfile.policy)
        case configuration.endorsementHandle:
            let policy = EndorsementTemplate(of: endorsement)?.policy ?? Policy()
            return try object("endorsement-key", "the endorsement key \(handle)", endorsement, policy)
        default: return nil
        }
    }

    private func object(
        _ kind: String, _ title: String, _ area: PublicArea, _ policy: Policy, _ words: [Name: String] = [:],
        _ counters: [Name: PINCount] = [:], _ entities: FAPIPolicy.Entities = FAPIPolicy.Entities()
    ) throws -> VaultObject {
        VaultObject(
            kind: kind, title: title, area: .object(try ObjectArea(area)), policy: policy,
            explainer: Explainer(candidates: [policy], glossary: Glossary(words), counters: counters),
            entities: entities)
    }

    /// Slot, evaluation key and bundle of an enrollment, as far as it came.
    func objects(of record: EnrollmentRecord) throws -> [VaultObject] {
        guard let slot = record.slotProfile(authority), record.state != .reserved else { return [] }
        let written = record.state != .defined
        let (area, account) = (slot.publicArea(written: written), record.account)
        let title = "the slot \(record.handle) of \(account)"
        var state = record.state == .live ? "" : " (\(record.state.rawValue))"
        var words = [
            slot.limitKeyName: "the limit key of \(account)", slot.publicArea(written: true).name: title,
        ]
        var entities = FAPIPolicy.Entities()
        entities.insert(try ObjectArea(authority.publicArea(slot.limitKey)))
        entities.insert(slot.publicArea(written: true))
        var counters: [Name: PINCount] = [:]
        if written, let chip {
            do throws(ChipError) {
                let count = try chip.read(slot)
                counters[area.name] = PINCount(count: count.count, limit: count.ceiling)
            } catch {
                guard error.responseCode != nil else { throw error }
                state += ", which the chip does not have so (\(error))"
            }
        }
        var objects = [
            VaultObject(
                kind: "slot", title: title + state, area: .index(area), policy: slot.policy,
                explainer: Explainer(
                    candidates: [slot.policy], glossary: Glossary(words), counters: counters, openValues: [area.name]),
                entities: entities)
        ]
        if let key = record.evaluationArea(slot) {
            objects.append(
                try object(
                    "evaluation-key", "the evaluation key of \(account)" + state, key,
                    EvaluationKeyProfile.policy(slot: slot), words, counters, entities))
        }
        if let bundle = record.bundlePublic, let openKey = record.openKey {
            let point = try P256Point(sec1: Array(openKey))
            words[try authority.name(of: point)] = "the open key of \(account)"
            entities.insert(try ObjectArea(authority.publicArea(point)))
            objects.append(
                try object(
                    "bundle", "the bundle of \(account)" + state, try PublicArea(tpm2b: Array(bundle)),
                    BundleProfile.policy(openKey: point, authority: authority), words, counters, entities))
        }
        return objects
    }
}
