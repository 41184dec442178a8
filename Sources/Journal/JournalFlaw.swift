import VaultAPI

/// What is wrong with a journal.
public enum JournalFlaw: Hashable, Sendable, CustomStringConvertible {
    // The chain.
    /// The numbers leave this line out: it was removed.
    case removed(line: Int)
    /// This line is not the one that was written here: it was changed, or what stood before it is gone.
    case changed(line: Int)
    /// This line was written in another place.
    case reordered(line: Int)
    /// The counts of an enrollment do not go on as an evaluation more or none would have it.
    case incoherent(line: Int)

    // The anchors.
    /// The certificate at this count is not by this chip about this vault's counter.
    case foreignAnchor(count: UInt64)
    /// Somewhere in these lines the journal is not the one that the chip certified at this count.
    case otherLines(ClosedRange<Int>, count: UInt64)
    /// The chip certified lines up to this one, and the journal ends before it.
    case cut(after: Int, certified: Int)
    /// The counter went on without a certificate between these two counts.
    case missingAnchors(ClosedRange<UInt64>)
    /// The journal began at the first of these counts, and its first certificate is of the second.
    case begunAnew(first: UInt64, found: UInt64)
    /// The chip has counted on since the last certificate: the journal is an older copy.
    case rolledBack(certified: UInt64, chip: UInt64)
    /// The chip counts less than the journal has certificates for: it is another chip, or an emulated one that was rolled back.
    case chipBehind(certified: UInt64, chip: UInt64)
    /// No line was ever certified.
    case neverCertified

    // The chip's own counts.
    /// The chip counted more evaluations than there are lines; both are totals.
    case withoutLine(EnrollmentID, lines: UInt32, chip: UInt32)
    /// There are lines for evaluations that the chip never made.
    case invented(EnrollmentID, lines: UInt32, chip: UInt32)
    /// An enrollment of which no line speaks.
    case unknown(EnrollmentID)

    // What somebody kept.
    /// The journal does not begin with the lines of a head that was kept.
    case notTheKept(JournalHead)

    public var description: String {
        switch self {
        case .removed(let line): "Line \(line) of the journal was removed."
        case .changed(let line): "Line \(line) of the journal was changed, or the lines before it were."
        case .reordered(let line): "Line \(line) of the journal was moved there from another place."
        case .incoherent(let line):
            "Line \(line) of the journal gives a count that does not follow from the lines before."
        case .foreignAnchor(let count):
            "The journal's certificate at count \(count) is not this chip's about this vault's counter."
        case .otherLines(let lines, let count):
            "Lines \(lines.lowerBound) to \(lines.upperBound) of the journal are not the ones that the chip certified at"
                + " count \(count)."
        case .cut(let last, let certified):
            "The journal ends at line \(last), and the chip certified \(certified) lines: the last ones were cut off."
        case .missingAnchors(let counts):
            "The chip's counter went through \(counts.lowerBound) to \(counts.upperBound) and the journal has no certificate"
                + " of that: lines were removed with their certificates, or somebody else counted."
        case .begunAnew(let first, let found):
            "The journal began at count \(first) of the chip's counter, and its first certificate is of count \(found): it"
                + " was thrown away and begun anew."
        case .rolledBack(let certified, let chip):
            "The chip's counter is at \(chip) and the journal's last certificate at \(certified): the store is an older copy,"
                + " or lines were cut off with their certificates."
        case .chipBehind(let certified, let chip):
            "The chip's counter is at \(chip), below the journal's last certificate at \(certified): the chip is another one,"
                + " or was rolled back."
        case .neverCertified: "The chip never certified the journal."
        case .withoutLine(let enrollment, let lines, let chip):
            "The chip counted \(chip) evaluations of enrollment \(enrollment), and the journal has \(lines): some were made"
                + " without the vault, or their lines are missing."
        case .invented(let enrollment, let lines, let chip):
            "The journal has \(lines) evaluations of enrollment \(enrollment), and the chip counted only \(chip)."
        case .unknown(let enrollment): "The journal has no line on enrollment \(enrollment)."
        case .notTheKept(let head): "The journal does not begin with the \(head.number) lines whose head was kept."
        }
    }
}
