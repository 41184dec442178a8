import Crypto
import Foundation
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// Sets a handle aside for a fresh enrollment.
    func reserve(_ call: Reserve, for connection: ConnectionID) throws(VaultFault) -> Reserve.Reply {
        let records = try stored { try store.enrollments(of: call.account) }
        let live = records.first { $0.state == .live }
        var replaces = call.replaces
        // An enrollment whose slot was destroyed opens no more: its account may be enrolled anew without naming it.
        if let live, replaces == nil, try isGone(live) { replaces = EnrollmentID(Array(live.id)) }
        guard live == nil || live?.id == replaces.map({ Data($0.bytes) }) else { throw .accountExists }
        guard live != nil || replaces == nil else { throw .wrongEnrollment }
        for pending in records where [.reserved, .defined, .armed].contains(pending.state) {
            if let id = EnrollmentID(Array(pending.id)), let owner = enrolling[id], owner != connection {
                throw .enrollmentUnderWay
            }
            try remove(pending)
        }
        clearUp()
        guard enrolling.values.count(where: { $0 == connection }) < Self.pendingPerConnection else {
            throw .enrollmentUnderWay
        }
        sweep(olderThan: Self.armedLifetime)
        if let capacity = configuration.capacity, store.slotCount >= capacity {
            sweep(olderThan: Self.armedLifetimeWhenFull)
        }
        guard try stored({ try store.enrollment(call.enrollment) }) == nil else { throw .wrongEnrollment }
        // The attack: somebody replaces an enrollment of his own again and again, burns none, and fills the chip. The oldest go: a
        // slot that is not there gives nobody a guess.
        let replaced = records.filter { $0.state == .replaced }.sorted { $0.createdAt < $1.createdAt }
        for oldest in replaced.dropLast(Self.mostReplaced - 1) { try remove(oldest) }
        let handle = try freeHandle()
        let record = EnrollmentRecord(
            id: call.enrollment, account: call.account, replaces: replaces, slot: handle, now: now())
        try stored { try store.insert(record) }
        enrolling[call.enrollment] = connection
        return Reserve.Reply(slot: handle.rawValue)
    }

    /// Whether the enrollment's slot was destroyed: it is not there, or was defined again and is unwritten, for ever.
    private func isGone(_ record: EnrollmentRecord) throws(VaultFault) -> Bool {
        let slot = try slot(of: record)
        let found = try onChip { () throws(ChipError) in try chip.nvPublic(of: slot.handle) }
        return found == nil || found == slot.publicArea(written: false)
    }

    /// How many replaced enrollments of an account wait to be burnt: a device burns each when it meets the vault next.
    private static let mostReplaced = 4
    /// How many enrollments a connection may have under way: a device has one.
    private static let pendingPerConnection = 4

    private func freeHandle() throws(VaultFault) -> Handle {
        while true {
            let candidate = Handle(UInt32.random(in: Handle.slots.lowerBound..<SlotProbe.handles.lowerBound))
            let isHeld = try stored { try store.holds(slot: candidate.rawValue) }
            let isDefined = try onChip { () throws(ChipError) in try chip.isDefined(candidate) }
            if !isHeld && !isDefined { return candidate }
        }
    }

    /// Defines the slot and imports the evaluation key. The structures must be the profile's: each is built again here from
    /// its keys, and compared whole.
    func define(_ call: Define, for connection: ConnectionID) throws(VaultFault) -> Done {
        var record = try record(call.enrollment, of: call.account, in: [.reserved])
        guard enrolling[call.enrollment] == connection else { throw .wrongEnrollment }
        guard let limitArea = try? PublicArea(tpm2b: call.limitKey.bytes), let limitKey = limitArea.point,
            limitArea == authority.publicArea(limitKey),
            let slot = try? SlotProfile(handle: record.handle, authority: authority, limitKey: limitKey),
            call.slot.bytes == slot.publicArea(written: false).tpm2b,
            let area = try? PublicArea(tpm2b: call.evaluationKey.publicArea.bytes), let evaluationKey = area.point,
            area == EvaluationKeyProfile.publicArea(evaluationKey, slot: slot)
        else { throw .notTheProfile }
        try countWrite(.guess, for: call.account)
        // What was received is gone when this returns; the store keeps the chip's own wrapping of it.
        let evaluationPrivate = try onChip { () throws(ChipError) in
            try chip.take(Sealed(call.evaluationKey), of: area, under: parent)
        }
        record.limitKey = Data(limitKey.sec1)
        record.evaluationKey = Data(evaluationKey.sec1)
        record.evaluationPrivate = Data(evaluationPrivate)
        record.state = .defined
        // First the store, then the chip: a slot that no row explains could never be undefined with a good conscience.
        try stored { try store.update(record) }
        do throws(VaultFault) {
            do throws(VaultFault) {
                try defineSpace(slot)
            } catch .full {
                sweep(olderThan: Self.armedLifetimeWhenFull)
                try defineSpace(slot)
            }
        } catch {
            try remove(record)
            throw error
        }
        return Done()
    }

    private func defineSpace(_ slot: SlotProfile) throws(VaultFault) {
        try onChip { () throws(ChipError) in
            _ = try chip.run(.nvDefineSpace(slot.publicArea(written: false)), authorizedBy: chip.owner)
        }
    }

    /// Step 3: imports the bundle and makes the enrollment live. A repetition changes nothing.
    func commit(_ call: Commit) throws(VaultFault) -> Done {
        var record = try record(call.recipe.enrollment, of: call.recipe.account, in: [.armed, .live])
        let digest = Data(SHA256.hash(data: try stored { try Self.encoder.encode(call) }))
        if record.state == .live {
            guard record.commitDigest == digest else { throw .wrongEnrollment }
            return Done()
        }
        let live = try stored { try store.enrollments(of: call.recipe.account) }.first { $0.state == .live }
        guard live?.id == record.replaces else { throw .wrongEnrollment }
        let slot = try slot(of: record)
        guard isOurs(call.recipe, record, slot),
            let openArea = try? PublicArea(tpm2b: call.openKey.bytes), let openKey = openArea.point,
            openArea == authority.publicArea(openKey),
            let bundle = try? PublicArea(tpm2b: call.bundle.publicArea.bytes), case .sealed(let unique) = bundle.body,
            bundle == (try? BundleProfile.publicArea(openKey: openKey, authority: authority, unique: unique))
        else { throw .notTheProfile }
        let bundlePrivate = try onChip { () throws(ChipError) in
            try chip.take(Sealed(call.bundle), of: bundle, under: parent)
        }
        record.recipe = try stored { try Self.encoder.encode(call.recipe) }
        record.confirmation = Data(call.confirmation.bytes)
        record.openKey = Data(openKey.sec1)
        record.bundlePublic = Data(bundle.tpm2b)
        record.bundlePrivate = Data(bundlePrivate)
        record.olderKeys = Data(call.olderKeys.bytes)
        record.commitDigest = digest
        try stored { try store.makeLive(record, at: now()) }
        enrolling[call.recipe.enrollment] = nil
        // Nothing is left to burn where the slot is gone; the new enrollment is live whatever comes of this.
        if let live, (try? isGone(live)) == true { try? remove(live) }
        return Done()
    }

    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return encoder
    }()

    private func isOurs(_ recipe: Recipe, _ record: EnrollmentRecord, _ slot: SlotProfile) -> Bool {
        // The other vaults of a recipe are the device's affair; this one's share is judged as a key of its own.
        guard recipe.sharingFlaw == nil,
            let entry = recipe.vaults.first(where: { $0.endorsementName.bytes == endorsement.name.bytes })
        else { return false }
        return recipe.suite == Recipe.suite && entry.slot == record.slot && entry.parentName.bytes == parent.name.bytes
            && entry.authorityHash == authority.hash.label && entry.limit == record.limit
            && entry.evaluationKeyName.bytes == record.evaluationArea(slot)?.name.bytes
    }
}

extension Sealed {
    init(_ object: SealedObject) {
        self.init(duplicate: object.duplicate.bytes, encryptedSeed: object.encryptedSeed.bytes)
    }
}

extension EnrollmentRecord {
    /// The recipe as the device sent it.
    var decodedRecipe: Recipe? {
        recipe.flatMap { try? JSONDecoder().decode(Recipe.self, from: $0) }
    }
}
