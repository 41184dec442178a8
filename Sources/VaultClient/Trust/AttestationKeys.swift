import Foundation
import Receipts
import Secrets
import TPM

/// The attestation keys that chips proved to this device, each in a session of its own: what it believes receipts by.
public struct AttestationKeys: Hashable, Sendable {
    public private(set) var proven: Set<ProvenAttestationKey>

    /// Reads the file of a device's home; none is an empty list.
    public init(home: DeviceHome) throws(DeviceStateError) {
        let path = "\(home.path)/\(Self.file)"
        let contents = try PrivateFile.read(path, limit: 1 << 20)
        try self.init(parsing: String(decoding: contents?.published ?? [], as: UTF8.self), path: path)
    }

    /// Keeps a key, with no other process between reading and writing.
    public static func keep(_ key: ProvenAttestationKey, in home: DeviceHome) throws(DeviceStateError) {
        try PrivateFile.makeFolder(home.path)
        let lock = try FolderLock(home.path)
        var keys = try AttestationKeys(home: home)
        if keys.proven.insert(key).inserted {
            try PrivateFile.write(SecretBytes(copying: Array(keys.text.utf8).span), to: file, in: home.path)
        }
        _ = consume lock
    }

    /// Endorsement Name and attestation key's Name a line; comments begin with #.
    init(parsing text: String, path: String) throws(DeviceStateError) {
        proven = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            let names = line.split(separator: " ").map { Name(digits: String($0)) }
            guard names.count == 2, let endorsement = names[0], let attestation = names[1] else {
                throw .badLine(path, index + 1)
            }
            proven.insert(ProvenAttestationKey(endorsementName: endorsement, attestationName: attestation))
        }
    }

    private var text: String {
        "# The attestation keys that chips proved to this device: endorsement Name, attestation key's Name.\n"
            + proven.map { "\($0.endorsementName) \($0.attestationName)\n" }.sorted().joined()
    }

    private static let file = "attestation-keys"
}
