import Audit
import Foundation
import Receipts
import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import Vault

/// Evidence as it goes by mail from a vault to an auditor far away.
@Suite(.timeLimit(.minutes(8))) struct EvidenceTests {
    /// Evidence that answers a challenge made from a first one.
    private func answered(_ source: OpenedVault) async throws -> (file: EvidenceFile, challenge: ReceiptChallenge) {
        let first = try await AuditCourse(source).evidence(answering: nil, at: Date())
        let chip = try EvidenceFile(contents: first.contents()).evidence.chip
        let challenge = try ReceiptChallenge(
            endorsementKey: #require(chip.endorsementArea), attestationKey: #require(chip.attestationPoint))
        return (try await AuditCourse(source).evidence(answering: challenge, at: Date()), challenge)
    }

    @Test("an auditor finds in evidence what an audit finds at the vault, by the chip's signed word")
    func byMail() async throws {
        try await HonestVault.with { vault in
            try vault.execute("UPDATE enrollment SET signedCeiling = NULL WHERE account = 'benjamin'")
            let terms = try vault.terms(maximumLimit: 4)
            let source = OpenedVault(try await vault.open())
            let (file, challenge) = try await answered(source)
            let far = try EvidenceFile(contents: file.contents())
            try await far.check(challenge: ReceiptChallenge(file: challenge.file), terms)
            #expect(far.evidence.enrollments.allSatisfy { $0.certificate != nil && $0.contents == nil })
            let read = try await AuditCourse(source).read(at: Date())
            let there = await read.findings(terms)
            #expect(await far.evidence.findings(terms) == there)
            #expect(there.contains { $0.kind == .ceilingUnexplained })
            #expect(far.evidence.enrollments.map(\.count) == read.enrollments.map(\.count))
        }
    }

    @Test("evidence without a challenge, or with another's, is not believed, and neither is one under other roots")
    func binding() async throws {
        try await HonestVault.with { vault in
            let source = OpenedVault(try await vault.open())
            let (file, challenge) = try await answered(source)
            let terms = try vault.terms()
            // A challenge for a chip that has another attestation key.
            let key = try P256Point(sec1: Array(#require(try vault.record("benjamin").evaluationKey)))
            let foreign = try ReceiptChallenge(
                endorsementKey: #require(file.evidence.chip.endorsementArea), attestationKey: key)
            await #expect(throws: EvidenceFlaw.foreignChallenge) {
                try await AuditCourse(source).evidence(answering: foreign, at: Date())
            }
            await #expect(throws: EvidenceFlaw.unbound) { try await file.check(challenge: nil, terms) }
            let chip = file.evidence.chip
            let other = try ReceiptChallenge(
                endorsementKey: #require(chip.endorsementArea), attestationKey: #require(chip.attestationPoint))
            await #expect(throws: EvidenceFlaw.otherChallenge) { try await file.check(challenge: other, terms) }
            let strangers = AuditTerms(authorities: .init(own: []), time: Date())
            await #expect(throws: EvidenceFlaw.certificate(.untrusted([]))) {
                try await file.check(challenge: challenge, strangers)
            }
        }
    }

    @Test("a fact, a row or a certificate that was exchanged, added or left out is seen")
    func exchanged() async throws {
        try await HonestVault.with { vault in
            let source = OpenedVault(try await vault.open())
            let (earlier, _) = try await answered(source)
            let (file, challenge) = try await answered(source)
            let terms = try vault.terms()
            func isRefused(_ change: (inout EvidenceFile) -> Void) async -> Bool {
                var changed = file
                change(&changed)
                guard changed != file else { return false }
                do throws(EvidenceFlaw) {
                    try await changed.check(challenge: challenge, terms)
                    return false
                } catch {
                    return true
                }
            }
            #expect(await isRefused { $0.evidence.enrollments.removeLast() })
            #expect(await isRefused { $0.evidence.enrollments.swapAt(0, 1) })
            #expect(await isRefused { $0.evidence.enrollments[0].certificate = nil })
            #expect(
                await isRefused {
                    $0.evidence.enrollments[0].certificate = $0.evidence.enrollments[1].certificate
                })
            #expect(await isRefused { $0.evidence.enrollments[0].limit = 3 })
            #expect(await isRefused { $0.evidence.enrollments[0] = earlier.evidence.enrollments[0] })
            #expect(await isRefused { $0.evidence.chip.properties.removeLast() })
            #expect(await isRefused { $0.evidence.header.date += 1 })
            #expect(await isRefused { $0.evidence.header = earlier.evidence.header })
            #expect(await isRefused { $0.seal = earlier.seal })
            #expect(await isRefused { $0.answer = earlier.answer })
            #expect(await isRefused { $0 = earlier })
        }
    }

    @Test("a host that shows one index and has another certified is seen, even where it has everything sealed anew")
    func resealed() async throws {
        try await HonestVault.with { vault in
            let source = OpenedVault(try await vault.open())
            let (file, challenge) = try await answered(source)
            let terms = try vault.terms()
            func resealed(_ change: (inout VaultEvidence) -> Void) async throws -> EvidenceFile {
                var evidence = file.evidence
                change(&evidence)
                let data = Bytes(try evidence.qualifyingData(answer: file.answer))
                let seal = try #require(try await source.ask(Seal(qualifyingData: data)).seal)
                return EvidenceFile(evidence: evidence, answer: file.answer, seal: seal)
            }
            let other = try await resealed { evidence in
                evidence.enrollments[0].certificate = evidence.enrollments[1].certificate
            }
            await #expect(throws: EvidenceFlaw.self) { try await other.check(challenge: challenge, terms) }
            // What the chip signs and the host states differ.
            let firmware = try await resealed { evidence in
                evidence.chip.properties = evidence.chip.properties.map {
                    $0.tag == 0x10B ? .init(tag: $0.tag, value: $0.value + 1) : $0
                }
            }
            try await firmware.check(challenge: challenge, terms)
            #expect(await firmware.evidence.findings(terms).contains { $0.kind == .chipFirmwareMismatch })
            // A slot without its certificate is one of which nothing is known.
            let silent = try await resealed { $0.enrollments[0].certificate = nil }
            try await silent.check(challenge: challenge, terms)
            #expect(await silent.evidence.findings(terms).contains { $0.kind == .slotUnreadable })
        }
    }

    @Test("no byte of evidence can be changed, and none cut off or added")
    func everyByte() async throws {
        try await HonestVault.with { vault in
            try vault.execute("DELETE FROM enrollment WHERE account <> 'benjamin'")
            let (file, challenge) = try await answered(OpenedVault(try await vault.open()))
            let terms = try vault.terms()
            let contents = Array(try file.contents())
            try await file.check(challenge: challenge, terms)
            @Sendable func isVerified(_ bytes: [UInt8]) async -> Bool {
                do throws(EvidenceFlaw) {
                    try await EvidenceFile(contents: Data(bytes)).check(challenge: challenge, terms)
                    return true
                } catch {
                    return false
                }
            }
            let believed = await withTaskGroup(of: [Int].self) { group in
                for part in 0..<4 {
                    group.addTask {
                        var believed: [Int] = []
                        for index in stride(from: part, to: contents.count, by: 4) {
                            var changed = contents
                            // Another bit each time, so that digits, letters and signs each become something else.
                            changed[index] ^= 1 << UInt8(index / 4 % 7)
                            if await isVerified(changed) { believed.append(index) }
                        }
                        return believed
                    }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            #expect(believed.isEmpty, "of \(contents.count): \(believed)")
            for length in stride(from: 0, to: contents.count, by: 97) {
                #expect(await !isVerified(Array(contents.prefix(length))))
            }
            #expect(await !isVerified(Array(contents.dropLast())))
            #expect(await !isVerified(contents + [0x0A]))
            #expect(await !isVerified([0x20] + contents))
            // The same value in another encoding.
            let again = String(decoding: contents, as: UTF8.self)
            #expect(await !isVerified(Array(again.replacing("\"version\":1", with: "\"version\":1.0").utf8)))
            #expect(await !isVerified(Array(again.replacing("{\"answer\"", with: "{\"a\":1,\"answer\"").utf8)))
        }
    }

    @Test("with a key for pseudonyms no account's name is in the file, and each account keeps its own")
    func pseudonyms() async throws {
        try await HonestVault.with { vault in
            let source = OpenedVault(try await vault.open())
            func file(_ key: String) async throws -> EvidenceFile {
                let secret = SecretBytes(copying: Array(key.utf8).span)
                return try await AuditCourse(source, pseudonyms: Pseudonyms(key: secret)).evidence(
                    answering: nil, at: Date())
            }
            let first = try await file("sixteen bytes of key")
            let text = String(decoding: try first.contents(), as: UTF8.self)
            for name in HonestVault.accounts { #expect(!text.contains(name)) }
            let again = try await file("sixteen bytes of key")
            #expect(first.evidence.enrollments.map(\.account) == again.evidence.enrollments.map(\.account))
            let other = try await file("another sixteen bytes")
            #expect(
                Set(other.evidence.enrollments.map(\.account)).isDisjoint(
                    with: again.evidence.enrollments.map(\.account)))
            // Row and recipe still agree.
            #expect(Set(await first.evidence.findings(try vault.terms()).map(\.kind)) == HonestVault.expected)
        }
    }

    @Test("a vault without a slot has nothing that its chip could sign with, and says so")
    func empty() async throws {
        try await HonestVault.with { vault in
            try vault.execute("DELETE FROM enrollment")
            let course = AuditCourse(OpenedVault(try await vault.open()))
            await #expect(throws: EvidenceFlaw.unsealed) { try await course.evidence(answering: nil, at: Date()) }
        }
    }
}
