import Audit
import Crypto
import Endorsement
import EndorsementTestSupport
import Foundation
import GRDB
import Journal
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultAPI
import X509

@testable import Vault

/// Deliberately broken vaults, each on a real chip of its own.
@Suite(.timeLimit(.minutes(5))) struct FindingTests {
    @Test("an honest vault shows nothing but that it is emulated and provisioned as chips are made")
    func honest() async throws {
        try await HonestVault.with { vault in
            let evidence = try await vault.evidence()
            let findings = await evidence.findings(try vault.terms(maximumLimit: 5))
            #expect(Set(findings.map(\.kind)) == HonestVault.expected && findings.count == 4)
            #expect(findings.map(\.severity) == [.critical, .warning, .warning, .note])
            // The last two mistakes and grants are all explained.
            #expect(Set(evidence.enrollments.map(\.account)) == Set(HonestVault.accounts))
            let counts = Dictionary(uniqueKeysWithValues: evidence.enrollments.map { ($0.account, $0.count) })
            #expect(counts["alice"] == SlotCount(count: 3, ceiling: 7))
            #expect(counts["carol"] == SlotCount(count: 1, ceiling: 9))
            // With hierarchies set and the emulation accepted it is clean.
            for hierarchy in ["owner", "endorsement", "lockout"] {
                try await vault.chip.tpm2("changeauth", "-c", hierarchy, "secret")
            }
            let set = try await vault.evidence().findings(vault.terms(accepted: [.chipEmulated]))
            #expect(set.map(\.kind) == [.chipEmulated] && set.worst == nil)
        }
    }

    @Test("an audit reads the whole journal, page by page, and an honest one shows nothing")
    func journal() async throws {
        try await HonestVault.with { vault in
            let store = try Store(path: VaultConfiguration.storePath(home: vault.home))
            let alice = try vault.record("alice")
            for _ in 0..<250 { try store.append(JournalEntry(.open, of: alice, at: Date())) }
            let journal = try await vault.journal()
            #expect(journal.flaws() == [] && journal.findings.isEmpty)
            #expect(try journal.records == store.journal() && journal.records.count > 250)
            #expect(try journal.anchors == store.anchors() && !journal.anchors.isEmpty)
            #expect(journal.attestationKey != nil && journal.slots.count == 3)
        }
    }

    @Test(
        "an audit names the line of the journal that was changed, and sees that the last ones are gone",
        arguments: [
            ("UPDATE journal SET time = time + 60 WHERE number = 3", FindingKind.journalLine, "journal's line 3"),
            ("DELETE FROM journal WHERE number = 3", .journalLine, "journal's line 3"),
            (
                "DELETE FROM journal WHERE number > (SELECT MAX(line) - 1 FROM journalAnchor)", .journalRolledBack,
                "journal"
            ),
        ])
    func journal(sql: String, kind: FindingKind, object: String) async throws {
        try await HonestVault.with { vault in
            try await DatabaseQueue(path: VaultConfiguration.storePath(home: vault.home)).write { db in
                for change in ["UPDATE", "DELETE"] {
                    try db.execute(sql: "DROP TRIGGER journal_keeps_its_lines_from_\(change)")
                }
                try db.execute(sql: sql)
            }
            let (evidence, journal) = try await AuditCourse(OpenedVault(try await vault.open()))
                .readWithJournal(at: Date())
            let findings = await evidence.findings(try vault.terms(), journal: journal)
            #expect(findings.contains { $0.kind == kind && $0.object.sentence == object }, "\(findings)")
        }
    }

    @Test("what was tampered with is found and named, and nothing else is", arguments: Tampering.all)
    func tampered(_ tampering: Tampering) async throws {
        try await HonestVault.with { vault in
            try await tampering.perform(vault)
            let found = try await vault.findings(maximumLimit: tampering.maximumLimit)
            let beyond = found.filter { !HonestVault.expected.contains($0.kind) }
            #expect(
                Set(beyond.map(\.kind)) == tampering.kinds,
                "\(beyond.map { "\($0.kind.id) \($0.object.sentence): \($0.found), not \($0.expected)" })")
            #expect(HonestVault.expected.isSubset(of: Set(found.map(\.kind))))
            #expect(beyond.allSatisfy { !$0.expected.isEmpty && !$0.found.isEmpty })
        }
    }

    @Test("each identifier is found by a test, but for what no emulated chip can show")
    func everyKind() {
        let found = Tampering.all.reduce(into: HonestVault.expected) { $0.formUnion($1.kinds) }
        let elsewhere: Set<FindingKind> = [
            // No chip here has them; `altered` and `maker` show them in evidence that is changed.
            .chipTier, .chipEndorsementKey, .chipFirmwareFlaw, .chipFirmwareDoubt, .chipFirmwareMismatch,
            .chipLargestDigest, .chipParent, .dictionaryLockout, .slotUnreadable, .ceilingBehind,
        ]
        // `JournalTests` finds what is wrong with a journal.
        let journal = Set(FindingKind.allCases.filter { $0.id.hasPrefix("journal.") })
        #expect(found.union(elsewhere).union(journal) == Set(FindingKind.allCases) && found.isDisjoint(with: elsewhere))
    }

    @Test("a vault whose hash sizes have changed, whose chip is locked out, or whose last raise was lost is told of it")
    func altered() async throws {
        try await HonestVault.with { vault in
            let honest = try await vault.evidence()
            let terms = try vault.terms()
            func beyond(_ change: (inout VaultEvidence) -> Void) async -> Set<FindingKind> {
                var evidence = honest
                change(&evidence)
                return Set(await evidence.findings(terms).map(\.kind)).subtracting(HonestVault.expected)
            }
            func set(_ tag: UInt32, _ value: UInt32, in evidence: inout VaultEvidence) {
                evidence.chip.properties = evidence.chip.properties.map {
                    $0.tag == tag ? .init(tag: tag, value: value) : $0
                }
            }
            #expect(await beyond { set(0x120, 48, in: &$0) } == [.chipLargestDigest])
            #expect(await beyond { set(0x200, 0x200, in: &$0) } == [.dictionaryLockout])
            #expect(await beyond { $0.enrollments[0].contents = nil } == [.slotUnreadable])
            #expect(
                await beyond { evidence in
                    let count = evidence.enrollments[0].count
                    evidence.enrollments[0].contents = count.map { count in
                        Bytes(
                            Writer.bytes {
                                $0.integer(count.count); $0.integer(count.ceiling - 1)
                            })
                    }
                } == [.ceilingBehind])
            #expect(
                await beyond { $0.chip.parent = $0.chip.endorsementKey }.isSuperset(of: [.chipParent, .recipeMismatch]))
            #expect(await beyond { $0.chip.endorsementKey = $0.chip.parent }.contains(.chipEndorsementKey))
        }
    }

    @Test("a chip that only an authority of one's own vouches for, and firmware with a flaw or a doubt, are named")
    func maker() async throws {
        try await HonestVault.with { vault in
            // With what the chip signed.
            let honest = try await AuditCourse(OpenedVault(try await vault.open())).evidence(
                answering: nil, at: Date()
            ).evidence
            let trusted = try await vault.authorities().verify(
                honest.chip.certificate.bytes, shown: [], at: Date())
            guard case .ec(.p384, let point) = trusted.certifiedKey else {
                Issue.record("the endorsement key is \(trusted.certifiedKey)")
                return
            }
            // The same chip, as if it were a maker's.
            let authority = try PaperAuthority("An authority of one's own")
            let terms = AuditTerms(
                authorities: Authorities(own: [try authority.authority]), time: PaperAuthority.now, accepted: [])
            func beyond(_ maker: String, firmware: UInt32?) async throws -> Set<FindingKind> {
                var evidence = honest
                func word(_ text: String) -> UInt32 { text.utf8.reduce(0) { $0 << 8 | UInt32($1) } }
                let manufacturer = word(maker)
                var changes = [0x105: manufacturer, 0x106: word("chip"), 0x107: 0, 0x108: 0, 0x109: 0]
                changes[0x10B] = firmware
                evidence.chip.properties = evidence.chip.properties.map {
                    .init(tag: $0.tag, value: changes[Int($0.tag)] ?? $0.value)
                }
                let name = try Certificate.Extension.chip(manufacturer: [String(format: "id:%08X", manufacturer)])
                evidence.chip.certificate = Bytes(
                    try authority.endorse(
                        key: .init(P384.Signing.PublicKey(x963Representation: point)),
                        extensions: PaperAuthority.endorsement(names: [name])))
                return Set(await evidence.findings(terms).map(\.kind))
                    .subtracting(HonestVault.expected.subtracting([.chipEmulated]))
            }
            let unflawed = try await beyond("STM ", firmware: nil)
            #expect(unflawed == [.chipTier])
            // What the chip signs, it signs with its true version.
            let flawed = try await beyond("STM ", firmware: 73 << 16)
            #expect(flawed == [.chipTier, .chipFirmwareFlaw, .chipFirmwareMismatch])
            let doubtful = try await beyond("INTC", firmware: 402 << 16)
            #expect(doubtful == [.chipTier, .chipFirmwareDoubt, .chipFirmwareMismatch])
        }
    }

    @Test("each identifier is of one form, and says its rule, why it matters and what to do in sentences")
    func registry() {
        for kind in FindingKind.allCases {
            #expect(kind.id.wholeMatch(of: /[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*/) != nil, "\(kind.id)")
            let text = kind.text
            #expect(!text.title.hasSuffix(".") && text.why.hasSuffix(".") && text.advice.hasSuffix("."), "\(kind.id)")
        }
        let texts = FindingKind.allCases.map { $0.text.why }
        #expect(Set(texts).count >= texts.count - 2)
    }
}
