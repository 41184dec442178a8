import ArgumentParser
import Foundation
import VaultAPI
import VaultClient

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show what happened to the account at its vault, or at each: guesses that you did not make are seen.",
        discussion: """
            Every evaluation has its line, and the chip's own count shows whether one is missing. A guess is marked when it \
            was made on this device or when a recovery with the right password followed. Any other is somebody else's, or a \
            wrong password typed on another device: if you cannot explain it, change the password. Times are the vault's \
            word. This device remembers what it saw, and tells when the vault shows it differently. No guess is spent.

              tenpin history --vault unix:/run/tenpin/vault.sock --account alice
              tenpin history --account alice --json

            It ends with code 13 where the journal does not fit the chip, or what this device saw before.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var vault: VaultOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        var device = try device.openNamed()
        let fleet = try await vault.fleet(self.device.deviceHome, waiting: .most)
        guard fleet.count > 1 else {
            let history = try await device.history(at: fleet.links[0])
            await fleet.close()
            let report = HistoryReport(device.account.id, history)
            if json { try printJSON(report) } else { report.show() }
            if let doubt = history.doubts.first { throw Outcome.journalDoubted(doubt) }
            return
        }
        var report = FleetHistoryReport(account: device.account.id)
        var doubt: HistoryDoubt?
        for link in fleet.links {
            do throws(VaultClientError) {
                let history = try await device.history(at: link)
                doubt = doubt ?? history.doubts.first
                report.vaults.append(
                    .init(address: link.address, history: HistoryReport(device.account.id, history), trouble: nil))
            } catch {
                report.vaults.append(.init(address: link.address, history: nil, trouble: error.reason.sentence))
            }
        }
        await fleet.close()
        report.vaults += fleet.missing.map {
            .init(address: $0.address, history: nil, trouble: $0.error.reason.sentence)
        }
        if json { try printJSON(report) } else { report.show() }
        if let doubt { throw Outcome.journalDoubted(doubt) }
    }
}

/// What each of several vaults shows. Each has a journal of its own, and counts its own evaluations.
private struct FleetHistoryReport: Encodable {
    let account: String
    var vaults: [Vault] = []

    struct Vault: Encodable {
        let address: String
        let history: HistoryReport?
        /// Why there is none.
        let trouble: String?
    }

    func show() {
        for (number, vault) in vaults.enumerated() {
            print("\(number == 0 ? "" : "\n")\(vault.address)")
            vault.history?.show()
            if let trouble = vault.trouble { print("Trouble: \(trouble)") }
        }
    }
}

private struct HistoryReport: Encodable {
    let account: String
    let lines: [Line]
    /// Guesses not made on this device that no recovery followed.
    let unknownGuesses: Int
    /// Guesses that no recovery stands for, by the chip's count; absent where this device cannot ask it.
    let notProvenYours: UInt32?
    /// Whether the chip itself gave the count that the lines were compared with.
    let proven: Bool
    /// Why the journal is not believed, a sentence each.
    let doubts: [String]

    struct Line: Encodable {
        /// ISO 8601, UTC.
        let time: String
        let event: JournalKind
        let enrollment: String
        let count: UInt32
        let ceiling: UInt32
        let whose: AccountHistory.Whose?
    }

    init(_ account: String, _ history: AccountHistory) {
        self.account = account
        let format = ISO8601DateFormatter()
        lines = history.entries.map { entry in
            Line(
                time: format.string(from: entry.line.date),
                event: entry.line.kind, enrollment: entry.line.enrollment.description, count: entry.line.count,
                ceiling: entry.line.ceiling, whose: entry.whose)
        }
        unknownGuesses = history.unknown
        notProvenYours = history.status.proven?.unproven
        proven = history.status.proven != nil
        doubts = history.doubts.map(\.description)
    }

    func show() {
        for line in lines {
            let counts = "count \(line.count), ceiling \(line.ceiling)"
            print("\(line.time)  \(line.event.words)  \(counts)\(line.whose.map { "  \($0.words)" } ?? "")")
        }
        switch unknownGuesses {
        // Lines that are not believed explain nothing.
        case 0: if doubts.isEmpty { print("No guess is unexplained.") }
        case 1: print("1 guess is not explained: somebody else's, or a wrong password on another device.")
        default:
            print("\(unknownGuesses) guesses are not explained: somebody else's, or wrong passwords on another device.")
        }
        if !proven { print("This device has not the key, so that the chip was not asked whether lines are missing.") }
    }
}

extension JournalLine {
    /// By the vault's word, which may be any number: kept between 1970 and the year 9999.
    fileprivate var date: Date { Date(timeIntervalSince1970: TimeInterval(min(max(time, 0), 253_402_300_799))) }
}

extension JournalKind {
    /// Ten characters for a person's eyes.
    fileprivate var words: String {
        let word =
            switch self {
            case .found: "found"
            case .armed: "slot made"
            case .live: "enrolled"
            case .guess: "guess"
            case .refused: "refused"
            case .cutOff: "not made"
            case .open: "opened"
            case .refund: "given back"
            case .grant: "granted"
            case .replaced: "replaced"
            case .removed: "removed"
            }
        return word.padding(toLength: 10, withPad: " ", startingAt: 0)
    }
}

extension AccountHistory.Whose {
    fileprivate var words: String {
        switch self {
        case .test: "the enrollment's own test"
        case .thisDevice: "made on this device"
        case .recovered: "the right password"
        case .notMade: "not made after all"
        case .unknown: "NOT EXPLAINED"
        }
    }
}
