import Journal
import TPM
import VaultAPI

/// What the vault's journal shows of an account, and what this device makes of it.
public struct AccountHistory: Sendable {
    /// Oldest first.
    public let entries: [Entry]
    /// What does not fit what the chip says, or what this device saw before.
    public let doubts: [HistoryDoubt]
    /// How the account stands, by the chip where this device can have it proven.
    public let status: AccountStatus

    /// One line, and whose guess it was.
    public struct Entry: Sendable {
        public let line: JournalLine
        /// Of a guess only.
        public let whose: Whose?
    }

    /// Whose a guess was, as far as a device can know.
    public enum Whose: String, Codable, Sendable {
        /// The enrolling device's own test of the key.
        case test
        /// Made on this device.
        case thisDevice
        /// A recovery with the right password followed, on whatever device.
        case recovered
        /// The chip did not make it.
        case notMade
        /// Not made here, and no recovery followed: somebody else's, or a wrong password on another device.
        case unknown
    }

    /// Guesses that this device knows nothing good of.
    public var unknown: Int { entries.count { $0.whose == .unknown } }
}

/// Why a vault's journal is not believed.
public enum HistoryDoubt: Hashable, Sendable, CustomStringConvertible {
    /// Lines that this device saw once were changed.
    case linesChanged(seen: Int)
    /// Lines that this device saw once are gone, and others are first.
    case linesGone(seen: Int)
    /// The counts of this enrollment leave out evaluations.
    case countsSkip(EnrollmentID)
    /// The chip counts other than the lines of the enrollment.
    case chipCounts(lines: UInt32, chip: UInt32)
    /// There is no line on the enrollment.
    case noLines(EnrollmentID)

    public var description: String {
        switch self {
        case .linesChanged(let seen):
            "The vault does not show the first \(seen) lines any more as this device saw them: its journal was changed."
        case .linesGone(let seen):
            "The vault does not show the \(seen) lines any more that this device saw: its journal was changed, unless you had the"
                + " account forgotten and enrolled it anew on another device."
        case .countsSkip(let enrollment): "The lines on enrollment \(enrollment) leave out guesses."
        case .chipCounts(let lines, let chip):
            "The chip counted \(chip) guesses and the vault shows \(lines): its journal is not whole, or somebody used the chip"
                + " without it."
        case .noLines(let enrollment): "The vault shows no line on enrollment \(enrollment)."
        }
    }
}

extension Device {
    /// Asks for the account's lines, compares them with the chip's count and with what this device saw before, and remembers them.
    /// No guess is spent.
    public mutating func history(at link: VaultLink) async throws(VaultClientError) -> AccountHistory {
        // First the chip, then the lines: a guess between the two has its line, and only its line.
        let status = try await status(at: link)
        let lines = try await link.lines(of: account)
        var doubts: [HistoryDoubt] = []
        let here = link.vault.endorsementName.bytes
        let seen = state.seen.first { $0.endorsementName == here }
        let next = SeenHistory(lines, at: here)
        let isNew = seen.map { $0.first != next?.first } ?? true
        let goesOn = seen?.isBeginning(of: lines) ?? true
        // Forgotten and enrolled anew, an account begins with another enrollment. That is told once; what was changed, each time.
        if let seen, !goesOn {
            doubts.append(isNew ? .linesGone(seen: seen.lines) : .linesChanged(seen: seen.lines))
        }
        if goesOn || isNew, let next, next != seen {
            try update { state in
                state.seen.removeAll { $0.endorsementName == here }
                state.seen.append(next)
            }
        }
        doubts += Self.skips(lines) + Self.compare(lines, with: status)
        return AccountHistory(
            entries: Self.attribute(lines, own: state.ownCounts(at: here)), doubts: doubts, status: status)
    }

    /// Enrollments whose counts do not go on by one from line to line.
    private static func skips(_ lines: [JournalLine]) -> [HistoryDoubt] {
        var last: [EnrollmentID: JournalLine] = [:]
        var skipping: [EnrollmentID] = []
        for line in lines {
            let id = line.enrollment
            if !line.follows(last[id]), !skipping.contains(id) { skipping.append(id) }
            last[id] = line
        }
        return skipping.map { .countsSkip($0) }
    }

    /// The chip's own count needs no trust in the vault: lines that are held back show.
    private static func compare(_ lines: [JournalLine], with status: AccountStatus) -> [HistoryDoubt] {
        let id = status.recipe.enrollment
        let own = lines.filter { $0.enrollment == id }
        guard let last = own.last else { return [.noLines(id)] }
        guard let chip = status.proven?.slot.count, chip != last.count else { return [] }
        // Begun since the chip was asked, or cut off: a guess has its line before the chip counts it.
        let late = own.reversed().prefix { $0.count > chip }
        if !late.isEmpty, late.allSatisfy({ $0.count == chip &+ 1 }) { return [] }
        return [.chipCounts(lines: last.count, chip: chip)]
    }

    private static func attribute(
        _ lines: [JournalLine], own: [EnrollmentID: [UInt32]]
    ) -> [AccountHistory.Entry] {
        var whose: [Int: AccountHistory.Whose] = [:]
        /// Guesses that nothing followed yet, by enrollment.
        var open: [EnrollmentID: [Int]] = [:]
        for (index, line) in lines.enumerated() {
            let id = line.enrollment
            switch line.kind {
            case .guess:
                // The device that enrolls goes on only where its own test was the first evaluation.
                let isTest = line.count == 1
                whose[index] = isTest ? .test : own[id]?.contains(line.count) == true ? .thisDevice : .unknown
                open[id, default: []].append(index)
            case .refused, .cutOff:
                if let last = open[id]?.popLast() { whose[last] = .notMade }
            case .refund:
                if let last = open[id]?.popLast(), whose[last] == .unknown { whose[last] = .recovered }
            default: break
            }
        }
        return lines.enumerated().map { AccountHistory.Entry(line: $1, whose: whose[$0]) }
    }
}

extension VaultLink {
    /// The most lines that a device asks for, some years of a busy account's.
    private static let mostLines = 100_000

    fileprivate func lines(of account: Account) async throws(VaultClientError) -> [JournalLine] {
        var lines: [JournalLine] = []
        while true {
            let from = lines.count
            let reply = try await courier.repeating { () async throws(VaultClientError) in
                try await courier.call(History(account: account, from: from))
            }
            lines += reply.lines
            guard reply.more else { return lines }
            guard !reply.lines.isEmpty, lines.count <= Self.mostLines else {
                throw .brokenReply("a journal without end")
            }
        }
    }
}
