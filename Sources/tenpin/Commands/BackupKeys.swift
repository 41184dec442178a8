import Backup
import Secrets
import VaultAPI
import VaultClient

extension Device {
    /// The ways to `key` that a backup's header names.
    borrowing func stanzas(for key: borrowing BackupKey) -> [Stanza] {
        var stanzas: [Stanza] = []
        if let live = state.enrollment,
            let stanza = VaultStanza(
                account: account.id, enrollmentID: live.recipe.enrollment.bytes, recipeHash: live.pin.hash,
                confirmation: live.pin.confirmation)
        {
            stanzas.append(.vault(stanza))
        }
        if let digits = state.digits.flatMap({ DigitsKey($0.bytes.duplicate()) }) {
            stanzas.append(.digits(DigitsStanza(wrapping: key, under: digits)))
        }
        return stanzas
    }

    /// Whether one of this device's keys is the backup's.
    borrowing func holdsKey(for header: BackupHeader) -> Bool { heldKey(for: header) != nil }

    /// The key that opens the backup: one of this device's, or the one that its digits open.
    borrowing func key(for header: BackupHeader) throws -> BackupKey {
        if let held = heldKey(for: header) { return held }
        if let digits = state.digits.flatMap({ DigitsKey($0.bytes.duplicate()) }) {
            return try header.open(with: digits)
        }
        throw state.key == nil ? Outcome.noKey(account: account.id) : Outcome.notThisBackups
    }

    private borrowing func heldKey(for header: BackupHeader) -> BackupKey? {
        for kept in [state.key].compactMap({ $0 }) + state.olderKeys {
            if let key = BackupKey(kept.key.bytes.duplicate()), key.id == header.keyID { return key }
        }
        return nil
    }
}
