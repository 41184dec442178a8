import Crypto
import Foundation
import TPM
import Testing
import VaultAPI

@testable import Journal

/// A journal as an honest vault writes it, with certificates of a key that stands for the chip's.
struct PaperJournal {
    static let counter = CounterProfile.entity(at: Handle(0x01BF_FF10)).name
    let chip: P256.Signing.PrivateKey
    var records: [JournalRecord] = []
    var anchors: [JournalAnchor] = []
    let alice: EnrollmentID
    let bob: EnrollmentID

    /// Two people: one enrolls, recovers and is guessed at; the other enrolls. Certified at counts 5, 6 and 7.
    init() throws {
        chip = P256.Signing.PrivateKey()
        let raw = Array(chip.publicKey.rawRepresentation)
        point = try P256Point(x: Array(raw.prefix(32)), y: Array(raw.suffix(32)))
        alice = try #require(EnrollmentID([UInt8](repeating: 0xA, count: 16)))
        bob = try #require(EnrollmentID([UInt8](repeating: 0xB, count: 16)))
        try certify(5)
        for (person, kind, count, ceiling): (EnrollmentID, JournalKind, UInt32, UInt32) in [
            (alice, .armed, 0, 10), (alice, .guess, 1, 10), (alice, .refund, 1, 11), (alice, .live, 1, 11),
        ] { write(person, kind, count, ceiling) }
        try certify(6)
        for (person, kind, count, ceiling): (EnrollmentID, JournalKind, UInt32, UInt32) in [
            (bob, .armed, 0, 3), (bob, .guess, 1, 3), (alice, .guess, 2, 11), (alice, .guess, 3, 11),
            (alice, .refused, 2, 11), (alice, .guess, 3, 11), (alice, .open, 3, 11), (alice, .refund, 3, 12),
        ] { write(person, kind, count, ceiling) }
        try certify(7)
    }

    mutating func write(_ person: EnrollmentID, _ kind: JournalKind, _ count: UInt32, _ ceiling: UInt32) {
        let line = JournalLine(
            time: 1_800_000_000 + Int64(records.count), kind: kind, enrollment: person, count: count, ceiling: ceiling)
        let tag = [UInt8](repeating: person == alice ? 1 : 2, count: 32)
        let head = (records.last?.head ?? .empty).adding(line, of: tag)
        records.append(JournalRecord(number: head.number, line: line, account: tag, hash: head.hash))
    }

    mutating func certify(_ count: UInt64) throws {
        let head = records.last?.head ?? .empty
        let attest = Writer.bytes { writer in
            writer.raw([0xFF, 0x54, 0x43, 0x47, 0x80, 0x14])
            writer.sized(AttestationProfile.qualifiedName(point).bytes)
            writer.sized(head.qualifyingData)
            writer.raw([UInt8](repeating: 0, count: 25))
            writer.sized(Self.counter.bytes)
            writer.integer(UInt16(0))
            writer.sized(Writer.bytes { $0.integer(count) })
        }
        anchors.append(
            JournalAnchor(
                count: count, line: head.number, attest: attest,
                signature: Array(try chip.signature(for: SHA256.hash(data: attest)).rawRepresentation)))
    }

    let point: P256Point

    var check: JournalCheck {
        var check = JournalCheck(records: records, anchors: anchors)
        check.counter = Self.counter
        check.attestationKey = point
        check.begun = 5
        check.chipCount = 7
        check.slots = [
            alice: .init(SlotCount(count: 3, ceiling: 12), lines: .max),
            bob: .init(SlotCount(count: 1, ceiling: 3), lines: .max),
        ]
        return check
    }

    /// Makes numbers and hashes fit again from a line on, as whoever knows the format can.
    mutating func rechain() {
        var head = JournalHead.empty
        for index in records.indices {
            head = head.adding(records[index].line, of: records[index].account)
            records[index].number = head.number
            records[index].hash = head.hash
        }
    }
}

@Suite("A journal's chain") struct ChainTests {
    @Test("that an honest vault wrote has no flaw")
    func honest() throws {
        let check = try PaperJournal().check
        #expect(check.flaws() == [])
        #expect(check.uncertified == 0)
    }

    @Test("names the line that was changed, whatever of it was", arguments: 0..<6)
    func changed(what: Int) throws {
        for index in 0..<12 {
            var journal = try PaperJournal()
            var record = journal.records[index]
            switch what {
            case 0: record.line.time += 1
            case 1: record.line.kind = record.line.kind == .found ? .live : .found
            case 2: record.line.count &+= 1
            case 3: record.line.ceiling &+= 1
            case 4: record.account[0] ^= 1
            default: record.hash[31] ^= 1
            }
            journal.records[index] = record
            #expect(journal.check.flaws().first == .changed(line: index + 1))
        }
    }

    @Test("names the line that was removed, the last one by the chip's certificate alone", arguments: 0..<12)
    func removed(index: Int) throws {
        var journal = try PaperJournal()
        journal.records.remove(at: index)
        let flaw = journal.check.flaws().first
        #expect(flaw == (index == 11 ? .cut(after: 11, certified: 12) : .removed(line: index + 1)))
    }

    @Test("names the first of two lines that changed places, with their numbers or without", arguments: 0..<11)
    func reordered(index: Int) throws {
        var journal = try PaperJournal()
        journal.records.swapAt(index, index + 1)
        #expect(journal.check.flaws().first == .removed(line: index + 1))
        journal.records[index].number = index + 1
        journal.records[index + 1].number = index + 2
        #expect(journal.check.flaws().first == .reordered(line: index + 1))
    }

    @Test("that was changed and chained anew is not what the chip certified")
    func rewritten() throws {
        for index in 0..<12 {
            var journal = try PaperJournal()
            journal.records[index].line.time += 1
            journal.rechain()
            let flaws = journal.check.flaws()
            #expect(flaws.contains(.otherLines(5...12, count: 7)))
            #expect(flaws.contains(.otherLines(1...4, count: 6)) == (index < 4))
        }
    }

    @Test("that was rewritten and certified anew lacks the certificates of the counts that are past")
    func certifiedAnew() throws {
        var journal = try PaperJournal()
        journal.records.remove(at: 2)
        journal.rechain()
        // Root can have any head certified, but only with the count that is next.
        journal.anchors.removeLast(2)
        try journal.certify(8)
        var check = journal.check
        check.chipCount = 8
        #expect(check.flaws() == [.missingAnchors(6...7)])
    }

    @Test("that was thrown away and begun anew is told by the count at which it began, and by a head that was kept")
    func begunAnew() throws {
        let kept = try PaperJournal().check.head
        var journal = try PaperJournal()
        journal.anchors = []
        journal.records.removeLast(8)
        try journal.certify(8)
        var check = journal.check
        check.chipCount = 8
        check.slots = [:]
        check.kept = [kept]
        #expect(check.flaws() == [.begunAnew(first: 5, found: 8), .notTheKept(kept)])
        check.kept = [check.head, .empty]
        check.begun = 8
        #expect(check.flaws() == [])
    }

    @Test("whose tail was cut with its certificate, or that is an older copy, is behind the chip's counter")
    func rolledBack() throws {
        var journal = try PaperJournal()
        journal.records.removeLast(8)
        journal.anchors.removeLast()
        var check = journal.check
        check.slots = [:]
        #expect(check.flaws() == [.rolledBack(certified: 6, chip: 7)])
        check.chipCount = 5
        #expect(check.flaws() == [.chipBehind(certified: 6, chip: 5)])
        check.anchors = []
        #expect(check.flaws() == [.neverCertified])
    }

    @Test("of another vault, or with certificates of another key, is told from this one's")
    func foreign() throws {
        var check = try PaperJournal().check
        check.attestationKey = try PaperJournal().point
        #expect(check.flaws() == [5, 6, 7].map { .foreignAnchor(count: $0) })
        check = try PaperJournal().check
        check.counter = CounterProfile.entity(at: Handle(0x01BF_FF11)).name
        #expect(check.flaws() == [5, 6, 7].map { .foreignAnchor(count: $0) })
        check = try PaperJournal().check
        check.anchors[1].count = 7
        #expect(check.flaws().contains(.foreignAnchor(count: 7)))
    }

    @Test("shows evaluations that have no line, and lines that no evaluation stands for, by the chip's own count")
    func counts() throws {
        let journal = try PaperJournal()
        var check = journal.check
        check.slots[journal.alice] = .init(SlotCount(count: 5, ceiling: 12), lines: .max)
        #expect(check.flaws() == [.withoutLine(journal.alice, lines: 3, chip: 5)])
        check.slots[journal.alice] = .init(SlotCount(count: 2, ceiling: 12), lines: .max)
        #expect(check.flaws() == [.invented(journal.alice, lines: 3, chip: 2)])
        // Burnt by the person.
        check.slots[journal.alice] = .init(SlotCount(count: .max, ceiling: 0), lines: .max)
        #expect(check.flaws() == [])
        let carol = try #require(EnrollmentID([UInt8](repeating: 0xC, count: 16)))
        check.slots[carol] = .init(SlotCount(count: 0, ceiling: 10), lines: .max)
        #expect(check.flaws() == [.unknown(carol)])
        // The line comes first: the evaluation after it may have been cut off.
        check.slots = [journal.bob: .init(SlotCount(count: 0, ceiling: 3), lines: .max)]
        #expect(check.flaws() == [])
        // Lines that came after the slot was read do not speak of what it held then.
        check.slots = [journal.alice: .init(SlotCount(count: 0, ceiling: 10), lines: check.records.count)]
        #expect(check.flaws() != [])
        let armed = try #require(check.records.first { $0.line.enrollment == journal.alice && $0.line.kind == .armed })
        check.slots = [journal.alice: .init(SlotCount(count: 0, ceiling: 10), lines: armed.number)]
        #expect(check.flaws() == [])
    }

    @Test("with a line left out and chained anew gives counts that do not follow")
    func incoherent() throws {
        var journal = try PaperJournal()
        journal.records.remove(at: 6)
        journal.rechain()
        var check = journal.check
        check.attestationKey = nil
        check.anchors[2].line = 11
        #expect(check.flaws() == [.incoherent(line: 7)])
    }

    @Test("numbers beyond all lines end no program")
    func extreme() throws {
        var journal = try PaperJournal()
        journal.records[5].number = .max
        journal.anchors[1].line = .max
        #expect(journal.check.flaws().contains(.removed(line: 6)))
        journal.records[0].number = .min
        #expect(journal.check.flaws().contains(.reordered(line: .min)))
    }

    @Test("a head reads back as it was written, and nothing else reads as one")
    func headText() throws {
        let head = try PaperJournal().check.head
        #expect(JournalHead(head.description) == head)
        for text in [
            "", "1", "-1:00", "12:\(head)", "\(head)0", "+\(head)", " \(head)",
            "12:" + String(repeating: "+1", count: 32),
        ] {
            #expect(JournalHead(text) == nil, "\(text)")
        }
    }
}
