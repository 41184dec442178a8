import TPM
import Testing
import VaultAPI

@testable import Audit
@testable import Journal

@Suite("What an audit says of a journal") struct JournalFindingTests {
    @Test("names the line, the enrollment and the kind of each flaw")
    func findings() throws {
        var journal = try PaperJournal()
        #expect(journal.check.findings.isEmpty)
        journal.records[4].line.time -= 1
        let finding = try #require(journal.check.findings.first)
        #expect(finding.kind.id == "journal.line" && finding.severity == .critical)
        #expect(
            finding.object.name == "journal's line 5" && finding.found.hasPrefix("Line 5 of the journal was changed"))
    }

    @Test("includes that the vault once found a count it had no line for, but not that the journal is younger")
    func found() throws {
        var journal = try PaperJournal()
        journal.write(journal.bob, .found, 3, 3)
        var check = journal.check
        check.slots[journal.bob] = .init(SlotCount(count: 3, ceiling: 3), lines: .max)
        #expect(check.findings.map(\.kind.id) == ["journal.found"])
        let first = JournalLine(time: 0, kind: .found, enrollment: journal.bob, count: 3, ceiling: 3)
        check.records = [
            JournalRecord(number: 1, line: first, account: [], hash: JournalHead.empty.adding(first, of: []).hash)
        ]
        check.anchors = []
        check.slots = [:]
        #expect(check.findings.map(\.kind.id) == ["journal.uncertified"])
    }

    @Test("has a kind for every flaw, whose texts end in full stops")
    func kinds() {
        let kinds = FindingKind.allCases.filter { $0.id.hasPrefix("journal.") }
        #expect(kinds.count == 9)
        #expect(Set(kinds.map(\.text.title)).count == 9)
        for kind in kinds { #expect(kind.text.why.hasSuffix(".") && kind.text.advice.hasSuffix(".")) }
    }
}
