import Foundation
import TPM
import VaultAPI

/// What a provisioning was about to make persistent, in a file beside `vault.json` while it is under way.
///
/// Killed between making a key and saying so, the next run finds the key on the chip; the journal tells it that the key is its own
/// to remove, and not one that was found.
struct ProvisionJournal: Codable, Equatable {
    var version = 1
    /// How tpm2-tss reached the chip.
    var tcti: String
    var keys: [Key] = []
    /// Where the journal's counter was about to be made.
    var counter: UInt32?

    /// A key, and the handle that it was meant to get.
    struct Key: Codable, Hashable {
        var handle: UInt32
        /// TPM2B_PUBLIC.
        var area: Bytes
    }

    /// Whether this key at this handle was being made.
    func holds(_ area: PublicArea, at handle: Handle) -> Bool {
        keys.contains(Key(handle: handle.rawValue, area: Bytes(area.tpm2b)))
    }

    static func read(home: String) throws(HomeError) -> ProvisionJournal? {
        let path = path(home: home)
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        guard let journal = try? JSONDecoder().decode(ProvisionJournal.self, from: data), journal.version == 1 else {
            throw .damaged(path)
        }
        return journal
    }

    /// Writes it, and returns when it is on the disk.
    func write(home: String) throws(HomeError) {
        do {
            try DurableFile.write(try JSONEncoder().encode(self), to: Self.path(home: home))
        } catch {
            throw .cannotWrite(home)
        }
    }

    static func remove(home: String) {
        unsafe unlink(path(home: home))
    }

    private static func path(home: String) -> String { home + "/provision.json" }
}
