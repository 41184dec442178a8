import Audit
import Foundation
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

    /// The same with what the chip signs over it.
    public func evidence(answering challenge: ReceiptChallenge?, at date: Date) async throws -> EvidenceFile {
        let header = EvidenceHeader(
            date: Self.seconds(date), nonce: Self.nonce(), challenge: challenge.map { Bytes($0.file) },
            pseudonyms: hidesNames)
        let (evidence, answer) = try await read(header, certifying: true, challenge)
        let statement = Bytes(try evidence.qualifyingData(answer: answer))
        guard let seal = try await source.ask(Seal(qualifyingData: statement)).seal else {
            throw EvidenceFlaw.unsealed
        }
        return EvidenceFile(evidence: evidence, answer: answer, seal: seal)
    }

    private func read(
        _ header: EvidenceHeader, certifying: Bool, _ challenge: ReceiptChallenge? = nil
    ) async throws -> (evidence: VaultEvidence, answer: Bytes?) {
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
        progress(0, survey.rows)
        var reply = try await source.ask(NextEnrollment(after: 0, qualifyingData: data))
        while let row = reply.row {
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
        return (evidence, survey.answer)
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
