import Journal
import VaultAPI

extension JournalCheck {
    /// Everything in the journal that is not as it should be, and evaluations that the vault says it did not make.
    public var findings: [Finding] {
        let flaws = flaws().map(\.finding)
        return flaws
            + unexplained.map { record in
                Finding(
                    .journalFound, .line(record.number), expected: "a line for each evaluation before it was made",
                    found: "a count of \(record.line.count) that the vault found on the chip")
            }
    }
}

extension Finding.Subject {
    fileprivate static func line(_ number: Int) -> Self { Self("journal's line \(number)") }
    fileprivate static let journal = Self("journal")
}

extension JournalFlaw {
    /// What an audit says of it.
    var finding: Finding {
        switch self {
        case .removed(let line), .changed(let line), .reordered(let line), .incoherent(let line):
            Finding(.journalLine, .line(line), expected: "the line that was written there", found: description)
        case .otherLines(let lines, let count):
            Finding(
                .journalLine, .line(lines.lowerBound), expected: "the lines that the chip certified at count \(count)",
                found: description)
        case .cut, .rolledBack:
            Finding(.journalRolledBack, .journal, expected: "all lines that were certified", found: description)
        case .missingAnchors:
            Finding(.journalGap, .journal, expected: "a certificate at each count", found: description)
        case .begunAnew(let first, _):
            Finding(.journalBegunAnew, .journal, expected: "a first certificate at count \(first)", found: description)
        case .foreignAnchor(let count):
            Finding(
                .journalCertificate, .journal, expected: "this chip's certificate at count \(count)", found: description
            )
        case .chipBehind(let certified, _):
            Finding(.journalCertificate, .journal, expected: "a counter at \(certified) or above", found: description)
        case .neverCertified:
            Finding(.journalUncertified, .journal, expected: "a certificate", found: "none")
        case .withoutLine(let enrollment, _, _), .invented(let enrollment, _, _), .unknown(let enrollment):
            Finding(
                .journalGuesses, .init("journal", enrollment: enrollment.description),
                expected: "as many evaluations as the chip counted", found: description)
        case .notTheKept(let head):
            Finding(.journalKept, .journal, expected: "the first \(head.number) lines as they were", found: description)
        }
    }
}
