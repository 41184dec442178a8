import Journal
import TPM
import TPMDevice
import VaultAPI

extension JournalCheck {
    /// Reads a vault's journal, and what its chip says to it where `chip` is given: then nobody may serve the vault. Where the chip
    /// cannot certify (its endorsement hierarchy's authorization is not known) the certificates go unchecked.
    public static func read(home: String, chip: Chip?) throws -> JournalCheck {
        let configuration = try VaultConfiguration.read(home: home)
        let store = try Store(path: VaultConfiguration.storePath(home: home))
        var check = JournalCheck(records: try store.journal(), anchors: try store.anchors())
        check.begun = configuration.journalBegun
        guard let chip else { return check }
        if let handle = configuration.journalCounter.map({ Handle($0) }) {
            check.counter = CounterProfile.entity(at: handle).name
            do throws(ChipError) {
                check.attestationKey = try chip.withAttestationKey { (_, area) throws(ChipError) in area.point }
            } catch {
                guard error.isWrongAuthorization else { throw error }
            }
            // Undefined, it counts nothing: what the journal has certificates for is then more than that.
            check.chipCount = try JournalCounter.area(at: handle, on: chip) == nil ? 0 : chip.count(of: handle) ?? 0
        }
        let endorsement = try PublicArea(tpm2b: configuration.endorsementKey.bytes).name
        let authority = try AuthorityProfile(
            largestDigest: configuration.largestDigest, endorsementName: endorsement)
        for record in try store.enrollments() where [.armed, .live, .replaced].contains(record.state) {
            guard let id = EnrollmentID(Array(record.id)), let slot = record.slotProfile(authority) else { continue }
            // One that cannot be read is a finding of its own.
            check.slots[id] = (try? chip.read(slot)).map { Seen($0, lines: check.head.number) }
        }
        return check
    }
}
