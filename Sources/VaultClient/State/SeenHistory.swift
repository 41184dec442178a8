import Journal
import VaultAPI

/// The lines of an account that a device saw once at a vault: how many, and a hash over them.
///
/// The attack: 1. the vault's host guesses, and the line is there, for the journal is compared with the chip; 2. later the enrollment is
/// replaced, and nothing speaks of its count any more; 3. its lines are served without the guess, or none of them are.
public struct SeenHistory: Codable, Hashable, Sendable {
    /// The vault's.
    var endorsementName: [UInt8]
    /// The enrollment of the first line.
    var first: EnrollmentID
    var lines: Int
    var hash: [UInt8]

    /// `nil` where nothing was seen.
    init?(_ lines: [JournalLine], at endorsementName: [UInt8]) {
        guard let first = lines.first else { return nil }
        self.endorsementName = endorsementName
        self.first = first.enrollment
        self.lines = lines.count
        hash = Self.hash(lines)
    }

    /// Whether `lines` begin with what was seen.
    func isBeginning(of lines: [JournalLine]) -> Bool {
        lines.count >= self.lines && Self.hash(lines.prefix(self.lines)) == hash
    }

    private static func hash(_ lines: some Sequence<JournalLine>) -> [UInt8] {
        lines.reduce(JournalHead.empty) { $0.adding($1, of: []) }.hash
    }
}
