import TPM
import VaultAPI

/// A journal, and everything that it is compared with.
public struct JournalCheck: Sendable {
    /// In the order of their numbers.
    public var records: [JournalRecord]
    /// In the order of their counts.
    public var anchors: [JournalAnchor]
    /// The counter's Name, written.
    public var counter: Name?
    /// The chip's attestation key; without it certificates are not checked, only counts.
    public var attestationKey: P256Point?
    /// The count of the journal's first certificate, as it was noted elsewhere.
    public var begun: UInt64?
    /// What the chip's counter has now.
    public var chipCount: UInt64?
    /// What the chip had in each slot.
    public var slots: [EnrollmentID: Seen] = [:]
    /// Heads that somebody kept.
    public var kept: [JournalHead] = []

    /// Count and ceiling of a slot by the chip, and how many lines the journal had then.
    public struct Seen: Hashable, Sendable {
        public var slot: SlotCount
        public var lines: Int

        public init(_ slot: SlotCount, lines: Int) {
            self.slot = slot
            self.lines = lines
        }
    }

    public init(records: [JournalRecord], anchors: [JournalAnchor]) {
        self.records = records
        self.anchors = anchors
    }

    /// All that is wrong. Of the chain it names the first line alone: behind it nothing can be told apart.
    public func flaws() -> [JournalFlaw] {
        let broken = firstBroken()
        var flaws = [broken].compactMap { $0 } + anchorFlaws(chainHolds: broken == nil)
        if broken == nil {
            flaws += kept.filter { !holds($0) }.map { .notTheKept($0) }
            flaws += countFlaws()
        }
        return flaws
    }

    /// The head of the journal as it stands.
    public var head: JournalHead { records.last?.head ?? .empty }

    /// Lines in the middle of an enrollment's by which the vault owned up to a count that it had no line for.
    public var unexplained: [JournalRecord] {
        var known: Set<EnrollmentID> = []
        return records.filter { !known.insert($0.line.enrollment).inserted && $0.line.kind == .found }
    }

    /// How many lines no certificate covers.
    public var uncertified: Int { max(0, head.number - (anchors.last?.line ?? 0)) }

    // MARK: the chain

    private func firstBroken() -> JournalFlaw? {
        var head = JournalHead.empty
        for record in records {
            // Numbers rise, by the order; one twice is a line moved.
            guard record.number == head.number + 1 else {
                return record.number > head.number ? .removed(line: head.number + 1) : .reordered(line: record.number)
            }
            let next = head.adding(record.line, of: record.account)
            guard next.hash == record.hash else { return flaw(of: record) }
            head = next
        }
        return nil
    }

    /// A line that does not follow from the one before it: it follows from another one, or from none.
    private func flaw(of record: JournalRecord) -> JournalFlaw {
        let follows = records.contains { $0.head.adding(record.line, of: record.account).hash == record.hash }
        let wasFirst = JournalHead.empty.adding(record.line, of: record.account).hash == record.hash
        return follows || wasFirst ? .reordered(line: record.number) : .changed(line: record.number)
    }

    private func holds(_ head: JournalHead) -> Bool {
        guard head.number > 0 else { return head == .empty }
        return records.count >= head.number && records[head.number - 1].head == head
    }

    // MARK: the anchors

    private func anchorFlaws(chainHolds: Bool) -> [JournalFlaw] {
        guard let first = anchors.first, let last = anchors.last else { return [.neverCertified] }
        var flaws: [JournalFlaw] = []
        if let begun, begun != first.count { flaws.append(.begunAnew(first: begun, found: first.count)) }
        var before: JournalAnchor?
        for anchor in anchors {
            if let before, anchor.count > before.count + 1 {
                flaws.append(.missingAnchors(before.count + 1...anchor.count - 1))
            }
            let flaw = flaw(of: anchor, after: before, chainHolds: chainHolds)
            if let flaw { flaws.append(flaw) }
            before = anchor
            // What is cut off here is missing for every later one too.
            if case .cut = flaw { break }
        }
        if let chipCount, chipCount > last.count { flaws.append(.rolledBack(certified: last.count, chip: chipCount)) }
        if let chipCount, chipCount < last.count { flaws.append(.chipBehind(certified: last.count, chip: chipCount)) }
        return flaws
    }

    private func flaw(of anchor: JournalAnchor, after before: JournalAnchor?, chainHolds: Bool) -> JournalFlaw? {
        guard anchor.line <= head.number else { return .cut(after: head.number, certified: anchor.line) }
        guard let counter, let attestationKey else { return nil }
        // Where lines are missing there are fewer than the last one's number says.
        let head = records.indices.contains(anchor.line - 1) ? records[anchor.line - 1].head : .empty
        switch anchor.check(head, counter, by: attestationKey) {
        case .holds: return nil
        case .foreign: return .foreignAnchor(count: anchor.count)
        case .otherHead:
            // The line that broke the chain is named already.
            guard chainHolds else { return nil }
            let last = max(anchor.line, 1)
            return .otherLines(min((before?.line ?? 0) &+ 1, last)...last, count: anchor.count)
        }
    }

    // MARK: the chip's own counts

    /// The chip's `pinCount` is the number of evaluations ever made, so that lines which are missing or were made up show
    /// without any anchor.
    private func countFlaws() -> [JournalFlaw] {
        var last: [EnrollmentID: JournalLine] = [:]
        // Of each enrollment the last line that was there when its slot was read.
        var compared: [EnrollmentID: JournalLine] = [:]
        for record in records {
            let line = record.line
            guard line.follows(last[line.enrollment]) else { return [.incoherent(line: record.number)] }
            last[line.enrollment] = line
            if let seen = slots[line.enrollment], record.number <= seen.lines { compared[line.enrollment] = line }
        }
        return slots.sorted { $0.key.description < $1.key.description }.compactMap { enrollment, seen in
            let slot = seen.slot
            guard let line = compared[enrollment] else { return .unknown(enrollment) }
            // A burn is the person's, and ends counting.
            if slot.isBurnt || slot.count == line.count { return nil }
            guard slot.count < line.count else {
                return .withoutLine(enrollment, lines: line.count, chip: slot.count)
            }
            // The line comes before the evaluation: that one may have been cut off.
            if line.kind == .guess, slot.count == line.count &- 1 { return nil }
            return .invented(enrollment, lines: line.count, chip: slot.count)
        }
    }
}

extension JournalLine {
    /// Whether this may be the next line on its enrollment.
    public func follows(_ before: JournalLine?) -> Bool {
        switch kind {
        case .found: return true
        case .armed: return before == nil && count == 0
        case .guess: return before.map { count == $0.count &+ 1 } ?? false
        case .refused, .cutOff: return before.map { $0.kind == .guess && count &+ 1 == $0.count } ?? false
        case .live, .open, .refund, .grant, .replaced: return before?.count == count
        // One whose slot was gone before the journal began has no other line.
        case .removed: return before.map { count == $0.count } ?? true
        }
    }
}
