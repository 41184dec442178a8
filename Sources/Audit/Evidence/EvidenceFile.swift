import Foundation
import TPM
import VaultAPI

/// Evidence with what the chip signed over it, as one file.
///
/// The chip signs twice. Over the header, which is there before anything is read, with each slot's count: so no count is older
/// than the auditor's challenge. And over everything that was read, when all of it is there: so nothing can be exchanged, added
/// or left out afterwards.
public struct EvidenceFile: Codable, Hashable, Sendable {
    public static let currentVersion = 1
    /// The largest file in bytes: a slot takes 3 KiB, and no chip that we know holds a thousand.
    public static let maximumSize = 16 << 20

    /// What the file is, and the version of its layout.
    private var format = Self.format
    public private(set) var version = Self.currentVersion
    public var evidence: VaultEvidence
    /// What the chip found in the header's challenge, 32 bytes, where there is one.
    public var answer: Bytes?
    /// A certificate of any NV index, over the hash of evidence and answer.
    public var seal: SignedEvidence

    private static let format = "tenpin evidence"

    public init(evidence: VaultEvidence, answer: Bytes?, seal: SignedEvidence) {
        self.evidence = evidence
        self.answer = answer
        self.seal = seal
    }

    /// The file's contents: JSON with its members in order. There is one encoding of each file.
    public func contents() throws -> Data { try EvidenceJSON.encode(self) }

    /// Takes a file apart. What it says is not checked by this: see `check`.
    public init(contents: Data) throws(EvidenceFlaw) {
        guard contents.count <= Self.maximumSize else { throw .tooLarge }
        guard let beginning = try? JSONDecoder().decode(Beginning.self, from: contents) else {
            // A cut file still begins as one.
            let begins = String(decoding: contents.prefix(4096), as: UTF8.self).contains("\"evidence\"")
            throw begins ? .malformed : .notEvidence
        }
        guard beginning.format == Self.format else { throw .notEvidence }
        guard beginning.version <= Self.currentVersion else { throw .laterVersion }
        // 1. Somebody adds a member, spaces, a second member of the same name, or other bits behind a base64 string's end; 2. it
        // decodes to the same value, and is shown as verified. So it must be what the value encodes to.
        guard let file = try? JSONDecoder().decode(EvidenceFile.self, from: contents),
            (try? file.contents()) == contents
        else { throw .malformed }
        self = file
    }

    private struct Beginning: Decodable {
        let format: String
        let version: Int
    }
}

extension EvidenceHeader {
    /// What the chip signs with each slot's count, 32 bytes.
    public var qualifyingData: [UInt8] {
        get throws { try EvidenceJSON.hash("tenpin-1 evidence header", self) }
    }
}

extension VaultEvidence {
    /// What the chip signs when everything was read, 32 bytes.
    public func qualifyingData(answer: Bytes?) throws -> [UInt8] {
        try EvidenceJSON.hash("tenpin-1 evidence", Sealed(evidence: self, answer: answer))
    }

    private struct Sealed: Encodable {
        let evidence: VaultEvidence
        let answer: Bytes?
    }
}

/// The one encoding.
enum EvidenceJSON {
    static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value) + Data("\n".utf8)
    }

    static func hash(_ label: String, _ value: some Encodable) throws -> [UInt8] {
        let behind = Writer.bytes { $0.sized(Array(label.utf8)) }
        return HashAlgorithm.sha256.digest(behind, Array(try encode(value)))
    }
}
