import Foundation
import GRDB
import Journal
import Synchronization
import TPM
import VaultAPI

// The journal in the store: one row a line, appended in the transaction of what it tells of, and never changed.

extension Store {
    /// The tables of the second migration.
    static func makeJournal(_ db: Database) throws {
        try db.create(table: "journal") { table in
            table.primaryKey("number", .integer)
            for number in ["time", "kind", "count", "ceiling"] { table.column(number, .integer).notNull() }
            for blob in ["enrollment", "account", "hash"] { table.column(blob, .blob).notNull() }
        }
        try db.create(index: "journal_of_account", on: "journal", columns: ["account"])
        try db.create(table: "journalAccount") { table in
            table.primaryKey("account", .text)
            table.column("salt", .blob).notNull()
        }
        try db.create(table: "journalAnchor") { table in
            table.primaryKey("count", .integer)
            table.column("line", .integer).notNull()
            // Absent while the chip is asked for it.
            table.column("attest", .blob)
            table.column("signature", .blob)
        }
        // Whatever the code above does.
        for change in ["UPDATE", "DELETE"] {
            try db.execute(
                sql: """
                    CREATE TRIGGER journal_keeps_its_lines_from_\(change) BEFORE \(change) ON journal
                        BEGIN SELECT RAISE(ABORT, 'the journal is only ever appended to'); END
                    """)
        }
    }

    /// Appends lines.
    func append(_ entries: [JournalEntry], in db: Database) throws {
        for entry in entries {
            guard let enrollment = EnrollmentID(Array(entry.enrollment)) else { continue }
            let account = try tag(of: entry.account, in: db)
            let before = try lastLine(of: enrollment, account, in: db)
            let counts = entry.counts(after: before?.slot ?? SlotCount(count: 0, ceiling: 0))
            let line = JournalLine(
                time: entry.time, kind: entry.kind, enrollment: enrollment, count: counts.count,
                ceiling: counts.ceiling)
            let head = try head(in: db).adding(line, of: account)
            try db.prepared(
                """
                INSERT INTO journal (number, time, kind, enrollment, account, count, ceiling, hash)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
            ).execute(arguments: [
                head.number, line.time, line.kind.code, entry.enrollment, Data(account), line.count, line.ceiling,
                Data(head.hash),
            ])
        }
        waiting.value.add(entries.count, ordering: .relaxed)
    }

    /// The account's tag; made with its first line.
    private func tag(of account: String, in db: Database) throws -> [UInt8] {
        if let tag = try knownTag(of: account, in: db) { return tag }
        let salt = (0..<32).map { _ in UInt8.random(in: 0...255) }
        try db.execute(
            sql: "INSERT INTO journalAccount (account, salt) VALUES (?, ?)", arguments: [account, Data(salt)])
        return AccountTag.tag(of: try Account(account), salt: salt)
    }

    private func knownTag(of account: String, in db: Database) throws -> [UInt8]? {
        guard
            let salt = try Data.fetchOne(
                db.prepared("SELECT salt FROM journalAccount WHERE account = ?"), arguments: [account])
        else { return nil }
        return AccountTag.tag(of: try Account(account), salt: Array(salt))
    }

    /// Erases the salt of an account that has no enrollment left.
    func forgetAccount(of record: EnrollmentRecord, in db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM journalAccount
                    WHERE account = ? AND NOT EXISTS (SELECT 1 FROM enrollment WHERE account = journalAccount.account)
                """,
            arguments: [record.account])
    }

    private func head(in db: Database) throws -> JournalHead {
        let last = try db.prepared("SELECT number, hash FROM journal ORDER BY number DESC LIMIT 1")
        guard let row = try Row.fetchOne(last) else { return .empty }
        guard let number = row.number("number"), let hash = row.bytes("hash") else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the journal's last line is damaged")
        }
        return JournalHead(number: Int(number), hash: hash)
    }

    private func lastLine(of enrollment: EnrollmentID, _ account: [UInt8], in db: Database) throws -> JournalLine? {
        try Row.fetchOne(
            db.prepared("SELECT * FROM journal WHERE account = ? AND enrollment = ? ORDER BY number DESC LIMIT 1"),
            arguments: [Data(account), Data(enrollment.bytes)]
        ).flatMap { JournalLine($0) }
    }

    // MARK: reading

    /// Writes lines that come with no other change.
    func append(_ entries: JournalEntry..., outliving durability: Durability = .powerCut) throws {
        try write(outliving: durability) { try append(entries, in: $0) }
    }

    /// The last line on an enrollment.
    func lastLine(of record: EnrollmentRecord) throws -> JournalLine? {
        try read { db in
            guard let enrollment = EnrollmentID(Array(record.id)), let tag = try knownTag(of: record.account, in: db)
            else { return nil }
            return try lastLine(of: enrollment, tag, in: db)
        }
    }

    /// The enrollments that have a line of a guess after the last certificate. A vault that ends in order certifies all lines.
    func guessesSinceLastAnchor() throws -> [EnrollmentID] {
        let certified = try lastAnchor()?.line ?? 0
        return try read { db in
            try Data.fetchAll(
                db, sql: "SELECT DISTINCT enrollment FROM journal WHERE number > ? AND kind = ?",
                arguments: [certified, JournalKind.guess.code]
            ).compactMap { EnrollmentID(Array($0)) }
        }
    }

    /// The journal's last line, whose ever.
    func lastLine() throws -> JournalLine? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM journal ORDER BY number DESC LIMIT 1").flatMap { JournalLine($0) }
        }
    }

    /// Lines of an account, oldest first; one more than `limit` when there are more.
    func lines(of account: Account, from: Int, limit: Int) throws -> [JournalLine] {
        try read { db in
            guard let tag = try knownTag(of: account.id, in: db) else { return [] }
            return try Row.fetchAll(
                db, sql: "SELECT * FROM journal WHERE account = ? ORDER BY number LIMIT ? OFFSET ?",
                arguments: [Data(tag), limit, from]
            ).compactMap { JournalLine($0) }
        }
    }

    /// Where the journal stands.
    func journalHead() throws -> JournalHead { try read { try head(in: $0) } }

    /// The head that the journal had with this line as its last.
    func journalHead(at line: Int) throws -> JournalHead? {
        guard line > 0 else { return .empty }
        return try read { db in
            try Data.fetchOne(db, sql: "SELECT hash FROM journal WHERE number = ?", arguments: [line])
                .map { JournalHead(number: line, hash: Array($0)) }
        }
    }

    /// The whole journal. A line that does not even read is left out, which shows as removed.
    func journal() throws -> [JournalRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM journal ORDER BY number").compactMap { JournalRecord($0) }
        }
    }

    /// Some lines behind one, and the number of the last of them.
    func journal(after number: Int, limit: Int) throws -> (records: [JournalRecord], next: Int?) {
        try read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM journal WHERE number > ? ORDER BY number LIMIT ?", arguments: [number, limit])
            return (rows.compactMap { JournalRecord($0) }, rows.last?.number("number").map { Int($0) })
        }
    }

    // MARK: anchors

    /// Some of the chip's certificates behind one, and the count of the last of them.
    func anchors(after count: UInt64, limit: Int) throws -> (anchors: [JournalAnchor], next: UInt64?) {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT * FROM journalAnchor WHERE attest IS NOT NULL AND count > ? ORDER BY count LIMIT ?",
                arguments: [Int64(clamping: count), limit])
            let next = rows.last?.number("count").flatMap(UInt64.init(exactly:))
            return (rows.compactMap { JournalAnchor($0) }, next)
        }
    }

    /// The chip's certificates, oldest first.
    func anchors() throws -> [JournalAnchor] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM journalAnchor WHERE attest IS NOT NULL ORDER BY count")
                .compactMap { JournalAnchor($0) }
        }
    }

    /// The last certificate's count and line.
    func lastAnchor() throws -> (count: UInt64, line: Int)? {
        try read { try anchor("attest IS NOT NULL", in: $0) }
    }

    /// The anchor that was being made when the vault was stopped.
    func pendingAnchor() throws -> (count: UInt64, line: Int)? {
        try read { try anchor("attest IS NULL", in: $0) }
    }

    private func anchor(_ condition: String, in db: Database) throws -> (count: UInt64, line: Int)? {
        try Row.fetchOne(
            db, sql: "SELECT count, line FROM journalAnchor WHERE \(condition) ORDER BY count DESC LIMIT 1"
        ).flatMap { row in
            guard let count = row.number("count").flatMap(UInt64.init(exactly:)), let line = row.number("line") else {
                return nil
            }
            return (count, Int(line))
        }
    }

    /// Notes what the chip is about to be asked for, and nothing else of that kind.
    func prepareAnchor(count: UInt64, line: Int) throws {
        try write { db in
            try db.execute(sql: "DELETE FROM journalAnchor WHERE attest IS NULL")
            try db.execute(
                sql: "INSERT INTO journalAnchor (count, line) VALUES (?, ?)",
                arguments: [Int64(bitPattern: count), line])
        }
    }

    /// Keeps what the chip answered; `nil` where it came to nothing.
    func finishAnchor(_ anchor: JournalAnchor?) throws {
        try write { db in
            if let anchor {
                try db.execute(
                    sql: "UPDATE journalAnchor SET attest = ?, signature = ? WHERE count = ? AND attest IS NULL",
                    arguments: [
                        Data(anchor.attest), Data(anchor.signature), Int64(bitPattern: anchor.count),
                    ])
            } else {
                try db.execute(sql: "DELETE FROM journalAnchor WHERE attest IS NULL")
            }
        }
        // Lines may have been written while the chip was asked: they wait on.
        let certified = anchor?.line ?? .max
        try read { db in
            let left = try Int.fetchOne(
                db, sql: "SELECT count(*) FROM journal WHERE number > ?", arguments: [certified])
            waiting.value.store(left ?? 0, ordering: .relaxed)
        }
    }
}

// Read with care: whoever edits the store can put any value into any column.

extension Row {
    fileprivate func number(_ column: String) -> Int64? { Int64.fromDatabaseValue(self[column] as DatabaseValue) }

    fileprivate func bytes(_ column: String) -> [UInt8]? {
        Data.fromDatabaseValue(self[column] as DatabaseValue).map { Array($0) }
    }
}

extension JournalLine {
    fileprivate init?(_ row: Row) {
        guard let time = row.number("time"),
            let kind = row.number("kind").flatMap(UInt8.init(exactly:)).flatMap(JournalKind.init(code:)),
            let enrollment = row.bytes("enrollment").flatMap(EnrollmentID.init),
            let count = row.number("count").flatMap(UInt32.init(exactly:)),
            let ceiling = row.number("ceiling").flatMap(UInt32.init(exactly:))
        else { return nil }
        self.init(time: time, kind: kind, enrollment: enrollment, count: count, ceiling: ceiling)
    }

    /// Count and ceiling as the line has them.
    var slot: SlotCount { SlotCount(count: count, ceiling: ceiling) }
}

extension JournalRecord {
    fileprivate init?(_ row: Row) {
        guard let number = row.number("number"), let line = JournalLine(row), let account = row.bytes("account"),
            let hash = row.bytes("hash")
        else { return nil }
        self.init(number: Int(number), line: line, account: account, hash: hash)
    }
}

extension JournalAnchor {
    fileprivate init?(_ row: Row) {
        guard let count = row.number("count").flatMap(UInt64.init(exactly:)), let line = row.number("line"), line >= 0,
            let attest = row.bytes("attest"), let signature = row.bytes("signature")
        else { return nil }
        self.init(count: count, line: Int(line), attest: attest, signature: signature)
    }
}
