import Foundation
import GRDB
import ProgramTestSupport
import TestSupport
import Testing

@testable import Vault

/// `tenpin history`, by the programs.
@Suite("A person's history", .timeLimit(.minutes(3))) struct HistoryTests {
    private struct Shown: Decodable {
        struct Line: Decodable {
            var time: String
            var event: String
            var count: Int
            var ceiling: Int
            var whose: String?
        }
        var account: String
        var lines: [Line]
        var unknownGuesses: Int
        var notProvenYours: Int?
        var proven: Bool
        var doubts: [String]

        init(_ ended: Ended) throws { self = try JSONDecoder().decode(Shown.self, from: Data(ended.bytes)) }

        var guesses: [String?] { lines.filter { $0.event == "guess" }.map(\.whose) }
    }

    @Test("shows every guess, and which of them nobody explains")
    func story() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", password: "a password")
            #expect(try await stage.at("phone", "recover", password: "mistyped").status == 10)
            #expect(try await stage.at("thief", "recover", password: "a guess").status == 10)
            #expect(try await stage.at("tablet", "recover", password: "a password").status == 0)

            let phone = try await stage.at("phone", "history", "alice", password: nil, "--json")
            #expect(phone.status == 0 && phone.errors.isEmpty, "\(phone.errors)")
            let shown = try Shown(phone)
            #expect(shown.account == "alice" && shown.proven && shown.doubts.isEmpty)
            #expect(
                shown.lines.map(\.event) == [
                    "armed", "guess", "refund", "live", "open", "guess", "guess", "guess", "open", "refund",
                ])
            #expect(shown.guesses == ["test", "thisDevice", "unknown", "recovered"])
            #expect(shown.lines.last.map { [$0.count, $0.ceiling] } == [4, 12])
            #expect(shown.unknownGuesses == 1 && shown.notProvenYours == 2)
            #expect(shown.lines.allSatisfy { $0.time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil })

            // To the tablet the phone's mistyped password is as strange as the thief's guess.
            let tablet = try Shown(try await stage.at("tablet", "history", "alice", password: nil, "--json"))
            #expect(tablet.guesses == ["test", "unknown", "unknown", "thisDevice"])
            // One that never had the key sees the lines, and is told that the chip was not asked.
            let stranger = try await stage.at("stranger", "history", "alice", password: nil)
            #expect(stranger.status == 0 && stranger.output.contains("the chip was not asked"))
            let text = try await stage.at("phone", "history", "alice", password: nil)
            #expect(text.output.contains("made on this device") && text.output.contains("NOT EXPLAINED"))
            #expect(text.output.contains("\n1 guess is not explained"))

            let nobody = try await stage.at("phone", "history", "bob", password: nil)
            #expect(nobody.status == 15 && nobody.errors.contains("No guess was spent."))
        }
    }

    @Test("tells when the vault hides a guess, and when it shows otherwise what this device saw")
    func hidden() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", password: "a password")
            #expect(try await stage.at("thief", "recover", password: "a guess").status == 10)
            try await stage.stop()
            let path = VaultConfiguration.storePath(home: stage.home)
            let copy = try Data(contentsOf: URL(filePath: path))
            try edit(path, "DELETE FROM journal WHERE number = 6")
            try await stage.serve()
            let hiding = try await stage.at("phone", "history", "alice", password: nil, "--json")
            #expect(hiding.status == 13 && hiding.errors.contains("the vault shows 1: its journal is not whole"))
            #expect(try Shown(hiding).doubts.count == 1)

            // Everything is there again, and seen; then an old line is another.
            try await stage.stop()
            try copy.write(to: URL(filePath: path))
            try await stage.serve()
            #expect(try await stage.at("phone", "history", "alice", password: nil).status == 0)
            try await stage.stop()
            try edit(path, "UPDATE journal SET time = time - 86400 WHERE number = 6")
            try await stage.serve()
            for _ in 0..<2 {
                let altered = try await stage.at("phone", "history", "alice", password: nil)
                #expect(altered.status == 13 && altered.errors.contains("as this device saw them"), "\(altered.errors)")
            }
            // It is no secret from a device that saw nothing.
            #expect(try await stage.at("tablet", "history", "alice", password: nil).status == 0)
        }
    }

    /// The attack: 1. a guess is made, and this device sees its line; 2. the person changes the password; 3. the host shows the new
    /// enrollment's lines alone, which the chip agrees with.
    @Test("tells that the lines of an enrollment that was replaced are not shown any more")
    func dropped() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", password: "a password")
            #expect(try await stage.at("thief", "recover", password: "a guess").status == 10)
            #expect(try await stage.at("phone", "history", "alice", password: nil).status == 0)
            let changed = try await stage.at(
                "phone", "change-password", password: "another password", "--memory", "64", "--passes", "3")
            #expect(changed.status == 0, "\(changed.errors)")
            try await stage.stop()
            let path = VaultConfiguration.storePath(home: stage.home)
            try edit(
                path, "DELETE FROM journal WHERE enrollment = (SELECT enrollment FROM journal ORDER BY number LIMIT 1)")
            try await stage.serve()
            let dropped = try await stage.at("phone", "history", "alice", password: nil)
            #expect(dropped.status == 13 && dropped.errors.contains("does not show the"), "\(dropped.errors)")
        }
    }

    private func edit(_ path: String, _ sql: String) throws {
        try DatabaseQueue(path: path).write { db in
            for change in ["UPDATE", "DELETE"] {
                try db.execute(sql: "DROP TRIGGER IF EXISTS journal_keeps_its_lines_from_\(change)")
            }
            try db.execute(sql: sql)
        }
    }

    @Test("of a forgotten account begins anew with the next enrollment, and no name stays in the store")
    func forgotten() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", "alice@example.org", password: "a password")
            #expect(try await stage.at("phone", "history", "alice@example.org", password: nil).status == 0)
            #expect(try await stage.at("phone", "forget", "alice@example.org", password: nil, "--yes").status == 0)
            #expect(try await stage.at("phone", "history", "alice@example.org", password: nil).status == 15)
            try await stage.stop()
            let store = try Store(path: VaultConfiguration.storePath(home: stage.home))
            let names = try ["enrollment", "journalAccount", "journal"].map {
                try store.number("SELECT count(*) FROM \($0) WHERE CAST(account AS TEXT) LIKE '%alice%'")
            }
            #expect(names == [0, 0, 0])
            try await stage.serve()
            try await stage.enroll("phone", "alice@example.org", password: "another password")
            let again = try await stage.at("phone", "history", "alice@example.org", password: nil, "--json")
            #expect(again.status == 0, "\(again.errors)")
            #expect(try Shown(again).lines.map(\.event) == ["armed", "guess", "refund", "live", "open"])
        }
    }

    @Test("stays certified through a shutdown as an operator does it, and status shows the head")
    func shutdown() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", password: "a password")
            #expect(try await stage.stop().status == 0)
            let status = try await stage.desk.done(.vault, ["status", "--home", stage.home, "--json"])
            struct Report: Decodable { var journal: VaultReport.JournalStanding }
            let journal = try JSONDecoder().decode(Report.self, from: Data(status.bytes)).journal
            #expect(journal.lines == 5 && journal.certifiedLines == 5 && journal.counter == "0x01bfff10")
            #expect(journal.head.hasPrefix("5:") && journal.head.count == 66)

            // The operator, or who audits, compares it with the chip, and a later day with the head of today.
            let command = ["journal", "--home", stage.home]
            let clean = try await stage.desk.done(.vault, command + ["--kept-head", journal.head])
            #expect(
                clean.output.contains("Head              \(journal.head)\n") && clean.output.contains("the chip agrees")
            )
            try edit(VaultConfiguration.storePath(home: stage.home), "UPDATE journal SET time = 0 WHERE number = 2")
            let found = try await stage.desk.run(.vault, command + ["--json"])
            #expect(found.status == 12 && String(decoding: found.bytes, as: UTF8.self).contains("journal.line"))
            #expect(try await stage.desk.run(.vault, command + ["--kept-head", "5"]).status == 64)
            // The process that serves it finds the same.
            try await stage.serve()
            let served = try await stage.desk.run(.vault, command + ["--json"])
            #expect(served.status == 12 && served.bytes == found.bytes, "\(served.errors)")
        }
    }
}
