import Foundation
import GRDB
import Journal
import TPM
import TPMDevice
import Testing
import VaultTestSupport

@testable import Vault

extension ServedVault {
    /// What is wrong with the journal; the vault must be stopped.
    func flaws() throws -> [JournalFlaw] { try check().flaws() }

    /// The journal and what the chip says to it; the vault must be stopped.
    func check() throws -> JournalCheck { try JournalCheck.read(home: home, chip: Chip(tcti: chip.tcti)) }

    var store: Store {
        get throws { try Store(path: storePath) }
    }

    var storePath: String { VaultConfiguration.storePath(home: home) }

    /// What somebody with an editor for SQLite does to the store.
    func edit(_ sql: String) throws {
        try DatabaseQueue(path: storePath).write { db in
            for change in ["UPDATE", "DELETE"] {
                try db.execute(sql: "DROP TRIGGER IF EXISTS journal_keeps_its_lines_from_\(change)")
            }
            try db.execute(sql: sql)
        }
    }
}

extension Store {
    /// The number that a query gives.
    func number(_ sql: String) throws -> Int? { try queue.read { try Int.fetchOne($0, sql: sql) } }

    /// Tries to change what is kept, as the vault's own program would.
    func change(_ sql: String) throws { try queue.write { try $0.execute(sql: sql) } }
}
