import Foundation
import GRDB
import Journal
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultAPI
import VaultTestSupport

@testable import Vault

/// A vault with an account and some guesses, on a real chip; then somebody writes to its store, or uses its chip.
@Suite("A journal that somebody meddles with", .timeLimit(.minutes(3))) struct TamperTests {
    @Test("in the store shows which line it was, and an honest one shows nothing")
    func store() async throws {
        try await Party.with { party in
            let served = party.served
            // Ten lines, eight of them under an earlier certificate than the others.
            for _ in 0..<3 { try await party.guess() }
            try await served.whileStopped {}
            for _ in 0..<2 { try await party.guess() }
            await served.stop()
            let honest = try served.check()
            #expect(honest.flaws() == [] && honest.head.number == 10)
            #expect(honest.anchors.map(\.line) == [0, 8, 10])
            let (last, id) = (try #require(honest.anchors.last?.count), try party.enrollment())
            let deeds: [(sql: String, flaws: [JournalFlaw])] = [
                ("UPDATE journal SET time = time + 60 WHERE number = 5", [.changed(line: 5)]),
                ("UPDATE journal SET hash = randomblob(32) WHERE number = 10", [.changed(line: 10)]),
                ("DELETE FROM journal WHERE number = 5", [.removed(line: 5)]),
                ("UPDATE journal SET enrollment = 'text', kind = 'text' WHERE number = 5", [.removed(line: 5)]),
                (
                    """
                    DELETE FROM journal WHERE number = 5; UPDATE journal SET number = -number WHERE number > 5;
                    UPDATE journal SET number = -number - 1 WHERE number < 0
                    """, [.changed(line: 5), .cut(after: 9, certified: 10)]
                ),
                (
                    """
                    UPDATE journal SET number = -5 WHERE number = 5; UPDATE journal SET number = 5 WHERE number = 6;
                    UPDATE journal SET number = 6 WHERE number = -5
                    """, [.reordered(line: 5)]
                ),
                (
                    "DELETE FROM journal WHERE number = 10",
                    [.cut(after: 9, certified: 10), .withoutLine(id, lines: 5, chip: 6)]
                ),
                (
                    "DELETE FROM journal WHERE number > 8; DELETE FROM journalAnchor WHERE line > 8",
                    [.rolledBack(certified: last - 1, chip: last), .withoutLine(id, lines: 4, chip: 6)]
                ),
                (
                    "DELETE FROM journalAnchor WHERE line = 8",
                    [.missingAnchors(last - 1...last - 1)]
                ),
                (
                    """
                    INSERT INTO journalAnchor SELECT count + 1, line, attest, signature FROM journalAnchor
                        WHERE count = \(last)
                    """, [.foreignAnchor(count: last + 1), .chipBehind(certified: last + 1, chip: last)]
                ),
                ("DELETE FROM journalAnchor", [.neverCertified]),
            ]
            let copy = served.home + "/copy"
            try FileManager.default.copyItem(atPath: served.storePath, toPath: copy)
            for (sql, flaws) in deeds {
                try served.edit(sql)
                #expect(try served.flaws() == flaws, "\(sql)")
                try FileManager.default.removeItem(atPath: served.storePath)
                try FileManager.default.copyItem(atPath: copy, toPath: served.storePath)
            }
            #expect(try served.flaws() == [])
        }
    }

    @Test("that is emptied is begun anew by the vault, and says so")
    func emptied() async throws {
        try await Party.with { party in
            let served = party.served
            await served.stop()
            let before = try served.check()
            try served.edit("DELETE FROM journal; DELETE FROM journalAnchor")
            try await served.start()
            await served.stop()
            let after = try served.check()
            let (begun, last) = (try #require(before.begun), try #require(before.anchors.last?.count))
            #expect(after.flaws() == [.begunAnew(first: begun, found: last + 1)])
            #expect(after.records.map(\.line.kind) == [.found])
        }
    }

    @Test("at the chip is found, whether somebody counts, guesses or takes the counter away")
    func chip() async throws {
        try await Party.with { party in
            let served = party.served
            await served.stop()
            let honest = try served.check()
            let last = try #require(honest.anchors.last?.count)
            let id = try party.enrollment()
            func chip() throws -> Chip { try Chip(tcti: served.chip.tcti) }

            // Any use of the slot's authValue is counted, a read too.
            try {
                let (eye, slot) = (try chip(), try party.slot().entity(written: true))
                try eye.run(.nvRead(slot, authority: slot, size: 8), authorizedBy: .password())
            }()
            #expect(try served.flaws() == [.withoutLine(id, lines: 1, chip: 2)])
            // Evaluated again, it has its line, and the vault's word that it knows nothing of the other.
            try await served.start()
            try await party.guess()
            await served.stop()
            #expect(try served.check().records.map(\.line.kind).suffix(2) == [.found, .guess])
            #expect(try served.flaws() == [])

            try chip().increment(try party.counter())
            #expect(try served.flaws() == [.rolledBack(certified: last + 1, chip: last + 2)])

            // Defined again, it goes on above all counts that were: none can be certified again.
            try {
                let (eye, counter) = (try chip(), CounterProfile.entity(at: try party.counter()))
                try eye.run(.nvUndefineSpace(counter), authorizedBy: eye.owner)
            }()
            #expect(try served.flaws() == [.chipBehind(certified: last + 1, chip: 0)])
            try await served.start()
            await served.stop()
            #expect(try served.check().chipCount ?? 0 > last + 2)
        }
    }

    @Test("by setting the whole store back to an older copy is told by the chip, also when the vault went on with it")
    func rollback() async throws {
        try await Party.with { party in
            let served = party.served
            await served.stop()
            let copy = served.home + "/copy"
            try FileManager.default.copyItem(atPath: served.storePath, toPath: copy)
            let then = try served.check()
            try await served.start()
            try await party.guess()
            await served.stop()
            let now = try served.check()
            #expect(now.flaws() == [] && now.anchors.count == then.anchors.count + 1)

            try FileManager.default.removeItem(atPath: served.storePath)
            try FileManager.default.moveItem(atPath: copy, toPath: served.storePath)
            let last = try #require(then.anchors.last?.count)
            let id = try party.enrollment()
            #expect(
                try served.flaws() == [
                    .rolledBack(certified: last, chip: last + 1), .withoutLine(id, lines: 1, chip: 2),
                ])
            try await served.start()
            try await party.guess()
            await served.stop()
            // The gap stays for ever.
            var check = try served.check()
            #expect(check.flaws() == [.missingAnchors(last + 1...last + 1)])
            // Who kept a head needs no chip.
            check.kept = [then.head]
            #expect(!check.flaws().contains(.notTheKept(then.head)))
            check.kept = [now.head]
            #expect(check.flaws().contains(.notTheKept(now.head)))
        }
    }

    @Test("by putting another vault's in its place is told by the certificates")
    func ofAnotherVault() async throws {
        let theirs = try await Party.with { party in
            await party.served.stop()
            return try party.served.check()
        }
        // Chips of one identity would have one attestation key, as no two real ones have.
        try await ServedVault.with(.fresh) { mine in
            await mine.stop()
            var check = try mine.check()
            #expect(check.flaws() == [])
            (check.records, check.anchors) = (theirs.records, theirs.anchors)
            let first = try #require(theirs.anchors.first?.count)
            #expect(check.flaws().contains(.foreignAnchor(count: first)))
        }
    }

    @Test("with the program's own hands is refused by the store")
    func appendOnly() async throws {
        try await Party.with { party in
            await party.served.stop()
            let store = try party.served.store
            for change in ["UPDATE journal SET time = 0", "DELETE FROM journal"] {
                #expect(throws: DatabaseError.self) { try store.change(change) }
            }
        }
    }
}
