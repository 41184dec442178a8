import Foundation
import TPM
import VaultAPI

/// What `provision` found and made: the vault's identity and where its keys are on the chip. Public facts only.
public struct VaultConfiguration: Codable, Hashable, Sendable {
    /// The layout of this file.
    public var version = 1
    /// How tpm2-tss reaches the chip.
    public var tcti: String
    /// The endorsement key's persistent handle and TPM2B_PUBLIC.
    public var endorsementHandle: UInt32
    public var endorsementKey: Bytes
    /// The endorsement certificate and further ones towards the root, DER.
    public var certificate: Bytes
    public var intermediates: [Bytes]
    /// The certificate's subject, manufacturer and model, for people.
    public var certificateSubject: String
    /// The parent's persistent handle and TPM2B_PUBLIC.
    public var parentHandle: UInt32
    public var parent: Bytes
    /// The size of the chip's largest digest in bytes.
    public var largestDigest: Int
    /// How many slots fit, when that was measured.
    public var capacity: Int?
    /// Whether the chip says that it is emulated.
    public var emulated: Bool
    /// What kind of chip it is, by its own word; `nil` where an earlier version provisioned.
    public var standing: ChipStanding?
    /// Evaluations, defined slots and first writes an account may have a day: each is a write of the chip's NV memory.
    public var writesPerDay = 100
    /// The persistent handles among the two above whose keys provisioning made and did not find: what deprovisioning takes away.
    public var made: [UInt32]?
    /// Where the journal's counter is; `nil` where an earlier version provisioned and no vault was opened since.
    public var journalCounter: UInt32?
    /// What the counter had at the journal's first certificate.
    public var journalBegun: UInt64?
    /// Set while a deprovisioning takes the keys away: every slot is gone already.
    public var isBeingRemoved: Bool?

    /// Reads a home folder's `vault.json`.
    public static func read(home: String) throws(HomeError) -> VaultConfiguration {
        let path = path(home: home)
        guard let data = FileManager.default.contents(atPath: path) else { throw .notProvisioned(home) }
        do {
            let configuration = try JSONDecoder().decode(VaultConfiguration.self, from: data)
            guard configuration.version == 1 else { throw HomeError.damaged(path) }
            return configuration
        } catch {
            throw .damaged(path)
        }
    }

    /// What an earlier run wrote, if one did.
    static func earlier(home: String) throws(HomeError) -> VaultConfiguration? {
        do throws(HomeError) {
            return try read(home: home)
        } catch {
            if case .notProvisioned = error { return nil }
            throw error
        }
    }

    /// Writes it, whole or not at all.
    public func write(home: String) throws(HomeError) {
        do {
            try FileManager.default.createDirectory(
                atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try DurableFile.write(try JSONText.encode(self), to: Self.path(home: home))
        } catch {
            throw .cannotWrite(home)
        }
    }

    static func path(home: String) -> String { home + "/vault.json" }

    /// The store's path in a home folder.
    public static func storePath(home: String) -> String { home + "/vault.sqlite" }
}

/// What can be wrong with a vault's home folder.
public enum HomeError: Error, Equatable, Sendable, CustomStringConvertible {
    case notProvisioned(String)
    case damaged(String)
    case cannotWrite(String)
    case inUse(String)

    public var description: String {
        switch self {
        case .notProvisioned(let home):
            "There is no vault in \(home); run `tenpin-vault provision --home \(home)` first."
        case .damaged(let path): "\(path) cannot be read as a vault's file; restore it, or provision again."
        case .cannotWrite(let home): "\(home) cannot be written; check its owner, mode and free space."
        case .inUse(let home): "Another tenpin-vault works on \(home); stop it first."
        }
    }
}
