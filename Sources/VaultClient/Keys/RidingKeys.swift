import Secrets
import TPM
import VaultAPI

/// An enrollment whose slot is to be burnt: all that it takes, on any device.
public struct BurnTicket: Sendable {
    public let enrollment: EnrollmentID
    public let slot: UInt32
    /// `sha384` or `sha512`.
    public let authorityHash: String
    /// The chip that the slot is on.
    public let endorsementName: [UInt8]
    let limitSeed: SharedSecret
    /// Whether the chip confirmed the burn, so that only the record is left to be erased.
    public var isBurnt: Bool
    /// Whether the vault said that there is nothing left to burn, which it cannot prove.
    public var isGoneByClaim: Bool

    init(
        enrollment: EnrollmentID, slot: UInt32, authorityHash: String, endorsementName: [UInt8],
        limitSeed: SharedSecret, isBurnt: Bool = false, isGoneByClaim: Bool = false
    ) {
        self.enrollment = enrollment
        self.slot = slot
        self.authorityHash = authorityHash
        self.endorsementName = endorsementName
        self.limitSeed = limitSeed
        self.isBurnt = isBurnt
        self.isGoneByClaim = isGoneByClaim
    }

    /// The tickets for an enrollment of this device's, one for each of its vaults.
    static func all(of recipe: Recipe, limitSeed: SharedSecret) -> [BurnTicket] {
        recipe.vaults.map { entry in
            BurnTicket(
                enrollment: recipe.enrollment, slot: entry.slot, authorityHash: entry.authorityHash,
                endorsementName: entry.endorsementName.bytes, limitSeed: limitSeed)
        }
    }

    /// Whether both are for the same slot.
    func isSame(as other: BurnTicket) -> Bool {
        enrollment == other.enrollment && endorsementName == other.endorsementName
    }
}

/// What rides along in the record, encrypted under the backup key: older backup keys, and tickets for slots of the same
/// vault that may not be burnt yet, so that a device that is lost in the middle of a change leaves none behind.
struct RidingKeys: Sendable {
    var older: [GenerationKey]
    var tickets: [BurnTicket]

    /// The most bytes the record takes.
    static let maximumSize = 4096
    private static let version: UInt8 = 1
    private static let keySize = 36
    private static let ticketSize = 16 + 4 + 2 + 32

    /// Encrypts; empty when there is nothing.
    func encrypted(under backupKey: borrowing SecretBytes, context: [UInt8]) throws(VaultClientError) -> [UInt8] {
        guard !older.isEmpty || !tickets.isEmpty else { return [] }
        let size = 3 + older.count * Self.keySize + tickets.count * Self.ticketSize
        guard older.count <= 255, tickets.count <= 255, size + AEAD.overhead <= Self.maximumSize else {
            throw VaultClientError(.tooManyOlderKeys)
        }
        let plain = SecretBytes(count: size) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            bytes.append([Self.version, UInt8(older.count), UInt8(tickets.count)].span, at: &offset)
            for entry in older {
                bytes.append(bigEndian(entry.generation).span, at: &offset)
                entry.key.bytes.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
            }
            for ticket in tickets {
                let hash = HashAlgorithm(label: ticket.authorityHash)?.rawValue ?? 0
                bytes.append(
                    (ticket.enrollment.bytes + bigEndian(ticket.slot) + [UInt8(hash >> 8), UInt8(hash & 0xFF)]).span,
                    at: &offset)
                ticket.limitSeed.bytes.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
            }
        }
        return AEAD.seal(plain, key: Self.key(backupKey), associatedData: context)
    }

    /// Decrypts what the vault served beside the bundle.
    init(
        opening sealed: [UInt8], under backupKey: borrowing SecretBytes, context: [UInt8], endorsementName: Name
    ) throws(BundleFlaw) {
        older = []
        tickets = []
        guard !sealed.isEmpty else { return }
        let plain: SecretBytes
        do throws(AEADError) {
            plain = try AEAD.open(sealed, key: Self.key(backupKey), associatedData: context)
        } catch {
            throw .olderKeys
        }
        guard plain.count >= 3 else { throw .olderKeys }
        let counts = plain.slice(0..<3).published.map { Int($0) }
        guard counts[0] == Int(Self.version),
            plain.count == 3 + counts[1] * Self.keySize + counts[2] * Self.ticketSize
        else { throw .olderKeys }
        var offset = 3
        for _ in 0..<counts[1] {
            let generation = plain.slice(offset..<offset + 4).published.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            older.append(
                GenerationKey(
                    generation: generation, key: SharedSecret(plain.slice(offset + 4..<offset + Self.keySize))))
            offset += Self.keySize
        }
        for _ in 0..<counts[2] {
            let head = plain.slice(offset..<offset + 22).published
            guard let enrollment = EnrollmentID(Array(head[0..<16])),
                let hash = HashAlgorithm(rawValue: UInt16(head[20]) << 8 | UInt16(head[21]))
            else { throw .olderKeys }
            tickets.append(
                BurnTicket(
                    enrollment: enrollment, slot: head[16..<20].reduce(UInt32(0)) { $0 << 8 | UInt32($1) },
                    authorityHash: hash.label, endorsementName: endorsementName.bytes,
                    limitSeed: SharedSecret(plain.slice(offset + 22..<offset + Self.ticketSize))))
            offset += Self.ticketSize
        }
    }

    init(older: [GenerationKey], tickets: [BurnTicket]) {
        self.older = older
        self.tickets = tickets
    }

    private static func key(_ backupKey: borrowing SecretBytes) -> SecretBytes {
        HKDF.derive(from: backupKey, info: keyLabel("older keys"))
    }
}
