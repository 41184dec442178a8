import Audit
import Foundation
import Journal
import Receipts
import TPM
import VaultAPI

/// Reads a vault, question by question, into evidence.
public struct AuditCourse: ~Copyable {
    private let source: any AuditSource
    private let pseudonyms: Pseudonyms?
    /// Told after each row how many are done, and how many there were at the beginning.
    private let progress: (Int, Int) -> Void

    public init(
        _ source: any AuditSource, pseudonyms: consuming Pseudonyms? = nil,
        progress: @escaping (Int, Int) -> Void = { _, _ in }
    ) {
        self.source = source
        self.pseudonyms = pseudonyms
        self.progress = progress
    }

    /// What there is, counts as they were read.
    public func read(at date: Date) async throws -> VaultEvidence {
        let header = EvidenceHeader(date: Self.seconds(date), nonce: Self.nonce(), pseudonyms: hidesNames)
        return try await read(header, certifying: false).evidence
    }

    /// The same, and the journal beside it.
    public func readWithJournal(at date: Date) async throws -> (evidence: VaultEvidence, journal: JournalCheck) {
        let header = EvidenceHeader(date: Self.seconds(date), nonce: Self.nonce(), pseudonyms: hidesNames)
        let (evidence, _, seen) = try await read(header, certifying: false)
        return (evidence, try await journal(seen))
    }

    /// The same with what the chip signs over it.
    public func evidence(answering challenge: ReceiptChallenge?, at date: Date) async throws -> EvidenceFile {
        let header = EvidenceHeader(
            date: Self.seconds(date), nonce: Self.nonce(), challenge: challenge.map { Bytes($0.file) },
            pseudonyms: hidesNames)
        let (evidence, answer, _) = try await read(header, certifying: true, challenge)
        let statement = Bytes(try evidence.qualifyingData(answer: answer))
        guard let seal = try await source.ask(Seal(qualifyingData: statement)).seal else {
            throw EvidenceFlaw.unsealed
        }
        return EvidenceFile(evidence: evidence, answer: answer, seal: seal)
    }

    private func read(
        _ header: EvidenceHeader, certifying: Bool, _ challenge: ReceiptChallenge? = nil
    ) async throws -> (evidence: VaultEvidence, answer: Bytes?, seen: [EnrollmentID: JournalCheck.Seen]) {
        let survey: Survey.Reply
        do {
            survey = try await source.ask(
                Survey(certifying: certifying, credential: challenge.map { CredentialChallenge($0.credential) }))
        } catch let fault as VaultFault where fault == .refusedByChip && challenge != nil {
            throw EvidenceFlaw.foreignChallenge
        }
        var evidence = VaultEvidence(header: header, chip: survey.chip)
        let data = certifying ? Bytes(try header.qualifyingData) : nil
        var done = 0
        var seen: [EnrollmentID: JournalCheck.Seen] = [:]
        progress(0, survey.rows)
        var reply = try await source.ask(NextEnrollment(after: 0, qualifyingData: data))
        while let row = reply.row {
            if let enrollment = reply.enrollment, let id = EnrollmentID(enrollment.id.bytes),
                let slot = enrollment.readSlot, let lines = reply.lines
            {
                seen[id] = JournalCheck.Seen(slot, lines: lines)
            }
            if var enrollment = reply.enrollment {
                hide(&enrollment)
                evidence.enrollments.append(enrollment)
            }
            if let damaged = reply.damaged { evidence.damagedRows.append(damaged) }
            done += 1
            progress(done, max(done, survey.rows))
            reply = try await source.ask(NextEnrollment(after: row, qualifyingData: data))
        }
        var next: UInt32? = Handle.slots.lowerBound
        while let from = next {
            let reply = try await source.ask(NextIndexes(from: from))
            evidence.indexes += reply.indexes
            next = reply.next
        }
        return (evidence, survey.answer, seen)
    }

    /// Reads the journal after the slots, so that the lines of each are there.
    private func journal(_ seen: [EnrollmentID: JournalCheck.Seen]) async throws -> JournalCheck {
        let state = try await source.ask(JournalState())
        var check = JournalCheck(records: [], anchors: [])
        check.slots = seen
        check.begun = state.begun
        check.counter = state.counter.map { CounterProfile.entity(at: Handle($0)).name }
        check.chipCount = state.count
        check.attestationKey = state.attestationKey.flatMap { try? P256Point(sec1: $0.bytes) }
        // Lines and certificates that came since are for the next audit.
        var number: Int? = 0
        while let after = number, after < state.lines {
            let page = try await source.ask(NextLines(after: after))
            check.records += page.lines.filter { $0.number <= state.lines }.map {
                JournalRecord(number: $0.number, line: $0.line, account: $0.account.bytes, hash: $0.hash.bytes)
            }
            number = page.next
        }
        let certified = state.certified ?? 0
        var count: UInt64? = 0
        while let after = count, after < certified {
            let page = try await source.ask(NextAnchors(after: after))
            check.anchors += page.anchors.filter { $0.count <= certified }.map {
                JournalAnchor(
                    count: $0.count, line: $0.line, attest: $0.signed.attest.bytes, signature: $0.signed.signature.bytes
                )
            }
            count = page.next
        }
        return check
    }

    private var hidesNames: Bool {
        switch pseudonyms {
        case .some: true
        case .none: false
        }
    }

    private func hide(_ row: inout EnrollmentEvidence) {
        switch pseudonyms {
        case .some(let pseudonyms): pseudonyms.hide(&row)
        case .none: break
        }
    }

    private static func seconds(_ date: Date) -> UInt64 { UInt64(max(0, date.timeIntervalSince1970)) }

    private static func nonce() -> Bytes {
        var generator = SystemRandomNumberGenerator()
        return Bytes((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}

extension CredentialChallenge {
    init(_ credential: Credential) {
        self.init(blob: Bytes(credential.blob), encryptedSeed: Bytes(credential.encryptedSeed))
    }
}

extension EnrollmentEvidence {
    /// Count and ceiling as they were read, of an enrollment whose evaluations the journal has.
    fileprivate var readSlot: SlotCount? {
        guard ["armed", "live", "replaced"].contains(state), let contents else { return nil }
        return try? Reader.parse(contents.bytes) { (reader: inout Reader) throws(WireError) in
            SlotCount(count: try reader.integer(UInt32.self), ceiling: try reader.integer(UInt32.self))
        }
    }
}
