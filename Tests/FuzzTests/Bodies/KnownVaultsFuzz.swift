import TPM

@testable import VaultClient

/// The list of vaults that a device pinned, which people edit by hand.
enum KnownVaultsFuzz: FuzzBody {
    static let largest = 1024

    static func take(_ bytes: [UInt8]) throws(Finding) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let known = attempt({ () throws(DeviceStateError) in try KnownVaults(parsing: text, path: "known") })
        else { return }
        guard
            let again = attempt({ () throws(DeviceStateError) in try KnownVaults(parsing: known.text, path: "known") })
        else { throw Finding(description: "a list that was read is refused when it is written") }
        try mustEqual(again, known, "a list of pinned vaults changes when it is written")
        for entry in known.entries {
            try mustEqual(known.standing(of: entry.name, at: entry.address), .pinned, "a pinned vault is known")
        }
    }

    static func seeds() throws -> [[UInt8]] {
        let name = try Name(parsing: [0, 0x0B] + [UInt8](repeating: 0x5A, count: 32))
        let known = KnownVaults([
            KnownVaults.Entry(
                name: name, address: "unix:/run/tenpin/vault.sock", date: "2025-01-31", comment: "at home"),
            KnownVaults.Entry(name: name, address: "unix:/tmp/a b%", date: "2025-01-31"),
        ])
        return [Array(known.text.utf8), Array("# nothing\n\n".utf8), Array("\(name) a 2025-01-31\r\n".utf8)]
    }
}
