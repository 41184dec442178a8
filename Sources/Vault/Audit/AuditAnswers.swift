import Audit
import Foundation
import Journal
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// How many indexes are looked at in a turn.
    private static let indexesPerTurn: UInt32 = 32

    func survey(_ question: Survey) throws(VaultFault) -> Survey.Reply {
        let rows = try stored { try store.count() }
        return try onChip { () throws(ChipError) in
            var attestationKey: Bytes?
            var answer: Bytes?
            if question.certifying {
                try withKeptAttestationKey { (key, area) throws(ChipError) in
                    attestationKey = Bytes(area.bytes)
                    guard let credential = question.credential, let template = endorsementTemplate else { return }
                    answer = Bytes(
                        try chip.activate(Credential(credential), of: key, by: endorsement, template: template))
                }
            }
            let shown = ChipEvidence(
                endorsementKey: Bytes(try chip.publicContents(of: endorsement.handle)),
                certificate: configuration.certificate, intermediates: configuration.intermediates,
                parent: Bytes(try chip.publicContents(of: parent.handle)), attestationKey: attestationKey,
                properties: try chip.properties(), provisionedDigest: configuration.largestDigest,
                capacity: configuration.capacity)
            return Survey.Reply(chip: shown, rows: rows, answer: answer)
        }
    }

    /// Row and chip are looked at in one turn: in two, a guess given back in between would be a ceiling that nothing explains.
    func nextEnrollment(_ question: NextEnrollment) throws(VaultFault) -> NextEnrollment.Reply {
        let row = try stored {
            try ahead.row(after: question.after, in: store) ?? AuditRow(after: question.after, in: store, authority)
        }
        guard let row else { return NextEnrollment.Reply() }
        ahead.begin(after: row.number, in: store, authority)
        guard let (record, read) = row.enrollment else {
            return NextEnrollment.Reply(row: row.number, damaged: Bytes(Array(row.id.prefix(64))))
        }
        var evidence = read
        try onChip { () throws(ChipError) in
            evidence.slotPublic = try chip.indexContents(at: record.handle).map { Bytes($0) }
            if let slot = row.slot, evidence.slotPublic != nil {
                if let data = question.qualifyingData {
                    evidence.certificate = try unlessRefused { () throws(ChipError) in
                        try certificate(of: slot, over: data.bytes)
                    }
                } else {
                    evidence.contents = try unlessRefused { () throws(ChipError) in try chip.read(slot) }
                        .map { count in
                            Bytes(
                                Writer.bytes {
                                    $0.integer(count.count); $0.integer(count.ceiling)
                                })
                        }
                }
            }
            guard [.armed, .live, .replaced].contains(record.state) else { return }
            if row.slot != nil {
                evidence.evaluationKeyLoading = try loading(row.evaluationArea, record.evaluationPrivate)
            }
            guard record.state != .armed else { return }
            evidence.bundleLoading = try loading(row.bundleArea, record.bundlePrivate)
        }
        let lines = try stored { try store.journalHead().number }
        return NextEnrollment.Reply(row: row.number, enrollment: evidence, lines: lines)
    }

    /// Count and certificates are looked at in one turn: in two, a certificate made in between would be ahead of the chip.
    func journalState() throws(VaultFault) -> JournalState.Reply {
        var reply = try stored {
            JournalState.Reply(lines: try store.journalHead().number, certified: try store.lastAnchor()?.count)
        }
        reply.begun = configuration.journalBegun
        guard let counter = configuration.journalCounter.map({ Handle($0) }) else { return reply }
        reply.counter = counter.rawValue
        reply.count = try onChip { () throws(ChipError) in
            try JournalCounter.area(at: counter, on: chip) == nil ? 0 : chip.count(of: counter) ?? 0
        }
        var key: P256Point?
        do throws(ChipError) {
            try withKeptAttestationKey { (_, area) throws(ChipError) in key = area.point }
        } catch {
            // Where the endorsement hierarchy's authorization is not known the certificates go unchecked.
            guard error.isWrongAuthorization else { throw fault(error) }
        }
        reply.attestationKey = key.map { Bytes($0.sec1) }
        return reply
    }

    /// Rows and chip are held against each other in one turn: a slot that is being made has its row first, and one that is being
    /// taken away has it last.
    func nextIndexes(_ question: NextIndexes) throws(VaultFault) -> NextIndexes.Reply {
        guard Handle.slots.contains(question.from) else { return NextIndexes.Reply() }
        let page = try onChip { () throws(ChipError) in
            try chip.handles(from: question.from, count: Self.indexesPerTurn)
        }
        var reply = NextIndexes.Reply()
        // A chip that shows the same page again and again is not asked for ever.
        for handle in page where handle.rawValue >= question.from && Handle.slots.contains(handle.rawValue) {
            reply.next = handle.rawValue + 1
            guard try !stored({ try store.holds(slot: handle.rawValue) }) else { continue }
            let contents = try onChip { () throws(ChipError) in try chip.indexContents(at: handle) }
            if let contents {
                reply.indexes.append(IndexEvidence(handle: handle.rawValue, publicArea: Bytes(contents)))
            }
        }
        return reply
    }

    func seal(_ question: Seal) throws(VaultFault) -> Seal.Reply {
        let records = try stored { try store.enrollments(in: .live) + store.enrollments(in: .armed) }
        // The first few at most: where none of them is as it should be, nothing is sealed, and the turn stays short.
        for slot in records.prefix(8).compactMap({ $0.slotProfile(authority) }) {
            let seal = try onChip { () throws(ChipError) in
                try unlessRefused { () throws(ChipError) in
                    try certificate(of: slot, over: question.qualifyingData.bytes)
                }
            }
            if let seal { return Seal.Reply(seal: seal) }
        }
        return Seal.Reply()
    }

    private var endorsementTemplate: EndorsementTemplate? {
        (try? PublicArea(tpm2b: configuration.endorsementKey.bytes)).flatMap(EndorsementTemplate.init(of:))
    }

    private func certificate(of slot: SlotProfile, over data: [UInt8]) throws(ChipError) -> SignedEvidence {
        try withKeptAttestationKey { (key, _) throws(ChipError) in
            let (attest, signature) = try chip.certify(slot, by: key, qualifyingData: data)
            return SignedEvidence(attest: Bytes(attest), signature: Bytes(signature.p1363))
        }
    }

    /// As `Chip.withAttestationKey`, and keeps the key saved out of the chip: made anew for each of 900 certificates it would
    /// double their time.
    private func withKeptAttestationKey<R>(
        _ body: (Command.Entity, PublicArea) throws(ChipError) -> R
    ) throws(ChipError) -> R {
        sessions.makeRoom(on: chip)
        if let kept = attestationKey {
            do throws(ChipError) {
                return try chip.withTransient(.contextLoad(kept.context)) { (handle) throws(ChipError) in
                    try body(Command.Entity(handle, kept.area.name), kept.area)
                }
            } catch {
                // The chip was started anew since.
                guard case .refused(.contextLoad, _) = error else { throw error }
            }
        }
        return try chip.withAttestationKey { (key, area) throws(ChipError) in
            attestationKey = (area, try chip.run(.contextSave(key.handle)).parameters)
            return try body(key, area)
        }
    }

    private func loading(
        _ area: PublicArea?, _ wrapped: Data?
    ) throws(ChipError) -> EnrollmentEvidence.Loading {
        guard let area, let wrapped else { return .missing }
        do throws(ChipError) {
            try chip.withLoaded(area, private: Array(wrapped), under: parent) { (_) throws(ChipError) in }
            return .loads
        } catch {
            if case .oversized = error { return .refused(0x095) }
            guard let code = error.responseCode, !error.isTheChipsTrouble else { throw error }
            return .refused(code.rawValue)
        }
    }

    /// `nil` where the chip refuses for a reason that lies in what it was asked for.
    private func unlessRefused<R>(_ body: () throws(ChipError) -> R) throws(ChipError) -> R? {
        do throws(ChipError) {
            return try body()
        } catch {
            guard error.responseCode != nil, !error.isTheChipsTrouble else { throw error }
            return nil
        }
    }
}

extension Chip {
    /// Both groups of properties that every chip has: the fixed ones and the variable ones. TPM 2.0 Part 2 §6.13.
    fileprivate func properties() throws(ChipError) -> [ChipEvidence.Property] {
        var all: [ChipEvidence.Property] = []
        for group: UInt32 in [0x100, 0x200] {
            all += try properties(from: group, count: 64).filter { $0.tag & 0xFF00 == group }
                .map { ChipEvidence.Property(tag: $0.tag, value: $0.value) }
        }
        return all
    }
}

extension EnrollmentEvidence {
    /// The public part of a row. Confirmation, MACs, older keys and wrapped parts stay in the store.
    init(_ record: EnrollmentRecord) {
        // More than any public area has is nothing of a vault's, and would not fit a message.
        func bytes(_ data: Data?) -> Bytes? { data.flatMap { $0.count > 1024 ? nil : Bytes(Array($0)) } }
        self.init(
            id: Bytes(Array(record.id)), account: record.account, state: record.state.rawValue,
            createdAt: record.createdAt, slot: record.slot)
        limitKey = bytes(record.limitKey)
        evaluationKey = bytes(record.evaluationKey)
        openKey = bytes(record.openKey)
        limit = record.limit
        signedCeiling = record.signedCeiling
        ceilingNonce = bytes(record.ceilingNonce)
        ceilingSignature = bytes(record.ceilingSignature)
        granted = record.granted
        recipe = record.decodedRecipe
        bundle = bytes(record.bundlePublic)
    }
}
