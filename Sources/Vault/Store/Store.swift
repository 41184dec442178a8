import Foundation
import GRDB
import Synchronization
import VaultAPI

/// What a write of the chip's NV memory is for; each kind has a count of its own, so that evaluations used up by somebody
/// leave room for the ceilings that a person signs.
enum NVWriteKind: String {
    /// An evaluation, a slot defined, or its first write.
    case guess
    case ceiling
}

/// What the vault remembers: SQLite, one row an enrollment. The chip is the truth for counts, the store for everything
/// else. Every change is on the disk before the call returns, unless it is said to be one that a power cut may take back.
struct Store: Sendable {
    let queue: DatabaseQueue
    private let slots: SharedCount
    private let changes = SharedCount(0)
    private let durability = SharedDurability()
    /// Absent where SQLite keeps no log: in memory, or on a file system that it cannot share memory on.
    private let logFile: LogFile?
    /// Lines of the journal that were written since the last anchor, as far as this opening of the store knows.
    let waiting: SharedCount

    /// Opens or makes the store at `path`.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.label = "tenpin.store"
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            // What a person had erased is overwritten. A write-ahead log takes one wait for the disk where a rollback
            // journal takes three or four.
            try db.execute(sql: "PRAGMA secure_delete = ON; PRAGMA journal_mode = WAL")
        }
        waiting = SharedCount(0)
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            guard try !queue.read(Self.migrator.hasBeenSuperseded) else { throw StoreError.laterVersion(path) }
            try Self.migrator.migrate(queue)
            let mode = try queue.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
            logFile = mode == "wal" ? LogFile(of: path) : nil
            slots = SharedCount(try queue.read { try EnrollmentRecord.fetchCount($0) })
            guard try queue.read({ try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }) == "ok" else {
                throw StoreError.damaged(path)
            }
        } catch let error as DatabaseError {
            throw StoreError(error, path) ?? error
        }
    }

    private static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: enrollments and days") { db in
            try db.create(table: EnrollmentRecord.databaseTableName) { table in
                table.primaryKey("id", .blob)
                table.column("account", .text).notNull().indexed()
                table.column("state", .text).notNull()
                table.column("replaces", .blob)
                table.column("slot", .integer).notNull().unique()
                table.column("createdAt", .integer).notNull()
                for blob in [
                    "limitKey", "evaluationKey", "evaluationPrivate", "ceilingNonce", "ceilingSignature", "grantedMAC",
                    "recipe", "confirmation", "openKey", "bundlePublic", "bundlePrivate", "olderKeys", "commitDigest",
                    "lastBlinded", "lastEvaluated",
                ] { table.column(blob, .blob) }
                for number in ["limit", "signedCeiling", "granted"] { table.column(number, .integer) }
            }
            try db.create(table: "accountDay") { table in
                table.column("account", .text).notNull()
                table.column("kind", .text).notNull()
                table.primaryKey(["account", "kind"])
                table.column("day", .integer).notNull()
                table.column("writes", .integer).notNull()
            }
            // One live and one pending enrollment an account, whatever the code above does.
            try db.execute(
                sql: """
                    CREATE UNIQUE INDEX one_live ON enrollment (account) WHERE state = 'live';
                    CREATE UNIQUE INDEX one_pending ON enrollment (account)
                        WHERE state IN ('reserved', 'defined', 'armed');
                    """)
        }
        migrator.registerMigration("2: what is looked for") { db in
            // So that no call costs more for there being many accounts.
            try db.execute(
                sql: """
                    CREATE INDEX enrollment_state ON enrollment (state);
                    CREATE INDEX accountDay_day ON accountDay (day);
                    """)
        }
        migrator.registerMigration("3: journal", migrate: makeJournal)
        return migrator
    }()

    /// What a change outlives. All outlive the end of the program.
    enum Durability: String {
        case powerCut = "FULL"
        /// It waits for no disk. For what nobody misses after the machine was started anew, or who waits does so with `whenDurable`.
        case program = "NORMAL"
    }

    /// One transaction. Every change goes through here: how durable the last one was to be stays set in SQLite.
    func write<R>(outliving durability: Durability = .powerCut, _ body: (Database) throws -> R) throws -> R {
        try queue.writeWithoutTransaction { db in
            changes.value.add(1, ordering: .sequentiallyConsistent)
            try logFile?.mend(before: durability, in: db)
            try self.durability.set(logFile == nil ? .powerCut : durability, in: db)
            try db.prepared("BEGIN IMMEDIATE").execute()
            do {
                let result = try body(db)
                try db.prepared("COMMIT").execute()
                return result
            } catch {
                // A full disk has SQLite roll back by itself.
                if db.isInsideTransaction { try? db.rollback() }
                throw error
            }
        }
    }

    /// Calls `done`, on whatever thread, when the disk has all changes that were made until now; with false when it failed. One that was
    /// made to outlive the program alone outlives a power cut then.
    func whenDurable(_ done: @escaping @Sendable (Bool) -> Void) {
        if let logFile { logFile.whenDurable(done) } else { done(true) }
    }

    /// Reads. Without a transaction: all changes of this process go through the same queue.
    func read<R>(_ body: (Database) throws -> R) throws -> R { try queue.unsafeRead(body) }

    /// The enrollment with this id.
    func enrollment(_ id: EnrollmentID) throws -> EnrollmentRecord? {
        try read { db in
            try EnrollmentRecord.fetchOne(
                db.prepared("SELECT * FROM enrollment WHERE id = ?"), arguments: [Data(id.bytes)])
        }
    }

    /// The ids of all enrollments.
    func enrollmentIDs() throws -> [EnrollmentID] {
        try read { db in
            try Data.fetchAll(db, sql: "SELECT id FROM enrollment").compactMap { EnrollmentID(Array($0)) }
        }
    }

    /// All enrollments of an account, or of everyone.
    func enrollments(of account: Account? = nil) throws -> [EnrollmentRecord] {
        try read { db in
            guard let account else { return try EnrollmentRecord.order(Column("account")).fetchAll(db) }
            return try EnrollmentRecord.fetchAll(
                db.prepared("SELECT * FROM enrollment WHERE account = ?"), arguments: [account.id])
        }
    }

    /// All enrollments that stand so.
    func enrollments(in state: EnrollmentRecord.State) throws -> [EnrollmentRecord] {
        try read { try EnrollmentRecord.filter(Column("state") == state.rawValue).fetchAll($0) }
    }

    /// How many rows there are.
    func count() throws -> Int { try read { try EnrollmentRecord.fetchCount($0) } }

    /// The row with the next number, and its enrollment, unless it was altered so that none can be made of it. By their numbers no
    /// row is passed over, whatever was written into it.
    func row(after number: Int64) throws -> (number: Int64, id: Data, record: EnrollmentRecord?, changes: Int)? {
        try read { db in
            guard
                let row = try Row.fetchOne(
                    db.prepared("SELECT rowid AS number, * FROM enrollment WHERE rowid > ? ORDER BY rowid LIMIT 1"),
                    arguments: [number]), let number = Int64.fromDatabaseValue(row["number"])
            else { return nil }
            return (number, Data.fromDatabaseValue(row["id"]) ?? Data(), try? EnrollmentRecord(row: row), changeCount)
        }
    }

    /// How often a change was begun; of an open store only its own are counted. Read together with what it tells of, it says later
    /// whether that still stands.
    var changeCount: Int { changes.value.load(ordering: .sequentiallyConsistent) }

    /// How many enrollments hold a slot; of an open store only its own changes are counted.
    var slotCount: Int { slots.value.load(ordering: .relaxed) }

    /// How many lines of the journal were written since it was last certified; of an open store only its own are counted.
    var uncertified: Int { waiting.value.load(ordering: .relaxed) }

    /// Whether a handle is set aside already.
    func holds(slot: UInt32) throws -> Bool {
        try read { db in
            try Row.fetchOne(db.prepared("SELECT 1 FROM enrollment WHERE slot = ?"), arguments: [slot]) != nil
        }
    }

    /// Writes a new enrollment.
    func insert(_ record: EnrollmentRecord) throws {
        try write { try record.insert($0) }
        slots.value.add(1, ordering: .relaxed)
    }

    /// Writes a known enrollment, and lines of the journal with it.
    func update(
        _ record: EnrollmentRecord, outliving durability: Durability = .powerCut, journal entries: JournalEntry...
    ) throws {
        try write(outliving: durability) { db in
            try record.update(db)
            try append(entries, in: db)
        }
    }

    /// Keeps the last evaluated pair. A device that asks again has its blind in memory, and has given up before a machine has
    /// started anew.
    func keep(_ blinded: [UInt8], evaluated: [UInt8], of record: EnrollmentRecord) throws {
        try write(outliving: .program) { db in
            try db.prepared("UPDATE enrollment SET lastBlinded = ?, lastEvaluated = ? WHERE id = ?")
                .execute(arguments: [Data(blinded), Data(evaluated), record.id])
        }
    }

    /// Makes an enrollment live, and the one it replaces `replaced`, in one transaction.
    func makeLive(_ record: EnrollmentRecord, at now: Date) throws {
        var record = record
        record.state = .live
        try write { db in
            for var old in try EnrollmentRecord.filter(
                Column("account") == record.account && Column("state") == EnrollmentRecord.State.live.rawValue
            ).fetchAll(db) {
                old.state = .replaced
                try old.update(db)
                try append([JournalEntry(.replaced, of: old, at: now)], in: db)
            }
            try record.update(db)
            try append([JournalEntry(.live, of: record, at: now)], in: db)
        }
    }

    /// The armed enrollments that were begun before this, in seconds since 1970.
    func armed(before: Int64) throws -> [EnrollmentRecord] {
        try read { db in
            try EnrollmentRecord.filter(
                Column("state") == EnrollmentRecord.State.armed.rawValue && Column("createdAt") < before
            ).fetchAll(db)
        }
    }

    /// Counts a write of the chip's NV memory against the account's day (days since 1970): whatever enrollment it is for,
    /// so that a new one does not begin a new count. The enrollment, where it changes, and the journal's lines are written with it.
    /// False, and nothing is written, when the day had `limit` already. The disk is not waited for: without lines the last ones may be
    /// forgotten after a power cut, for it is the chip's wear that is counted here, and no guess.
    func countWrite(
        _ kind: NVWriteKind, for account: Account, on day: Int64, limit: Int, changing record: EnrollmentRecord? = nil,
        journal entries: [JournalEntry] = []
    ) throws -> Bool {
        try write(outliving: .program) { db in
            try db.prepared("DELETE FROM accountDay WHERE day < ? OR day > ?").execute(arguments: [day, day])
            try db.prepared(
                """
                INSERT INTO accountDay (account, kind, day, writes) VALUES (?, ?, ?, 1)
                    ON CONFLICT (account, kind) DO UPDATE SET writes = writes + 1 WHERE writes < ?
                """
            ).execute(arguments: [account.id, kind.rawValue, day, limit])
            guard db.changesCount == 1 else { return false }
            try record?.update(db)
            try append(entries, in: db)
            return true
        }
    }

    /// Erases an enrollment; with an account's last one goes what ties the journal's lines to its name.
    func delete(_ record: EnrollmentRecord, at now: Date) throws {
        let isDeleted = try write { db in
            guard try record.delete(db) else { return false }
            // What was never armed has no line either.
            if record.limit != nil { try append([JournalEntry(.removed, of: record, at: now)], in: db) }
            try forgetAccount(of: record, in: db)
            return true
        }
        if isDeleted { slots.value.subtract(1, ordering: .relaxed) }
        // The log still has what was erased: it goes into the file, and the log is emptied. Where there is no room for that, it
        // waits for the next erasure.
        _ = try? queue.writeWithoutTransaction { try Row.fetchAll($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try? logFile?.wasEmptied(in: self)
    }

    /// Makes waiting for the disk short. For who goes on writing.
    func prepareForManyWrites() throws { try logFile?.keepLarge(in: self) }
}

extension Database {
    /// The statement, prepared once: with GRDB's record of what each reads, that takes longer than to run it.
    func prepared(_ sql: String) throws -> Statement { try cachedStatement(sql: sql) }
}

/// How durable SQLite makes its changes, which copies of a store share.
private final class SharedDurability: Sendable {
    private let current = Mutex<Store.Durability?>(nil)

    /// Sets it where it is another one. Not with a prepared statement: SQLite sets this when it prepares it, and only then.
    func set(_ durability: Store.Durability, in db: Database) throws {
        try current.withLock { current in
            guard current != durability else { return }
            try db.execute(sql: "PRAGMA synchronous = \(durability.rawValue)")
            current = durability
        }
    }
}

/// A number that copies of a store share.
final class SharedCount: Sendable {
    let value: Atomic<Int>
    init(_ value: Int) { self.value = Atomic(value) }
}
