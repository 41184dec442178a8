import Crypto

/// The Name of an entity: nameAlg and the hash of its public area (TPM 2.0 Part 1 §16).
package typealias Name = [UInt8]

/// An object's public area (TPMT_PUBLIC).
struct ObjectArea {
    let name: Name
    let authPolicy: [UInt8]

    /// - Parameter bytes: what a TPM2B_PUBLIC holds.
    init?(_ bytes: [UInt8]) {
        var fields = Fields(bytes)
        guard (try? fields.number(UInt16.self)) != nil, let algorithm = try? fields.number(UInt16.self),
            (try? fields.number(UInt32.self)) != nil, let policy = try? fields.sized()
        else { return nil }
        let hash: [UInt8]
        switch algorithm {
        case 0x000B: hash = Array(SHA256.hash(data: bytes))
        case 0x000C: hash = Array(SHA384.hash(data: bytes))
        case 0x000D: hash = Array(SHA512.hash(data: bytes))
        default: return nil
        }
        name = field(algorithm) + hash
        authPolicy = policy
    }
}

/// The Name of the object with this TPM2B_PUBLIC.
package func objectName(tpm2b: [UInt8]) -> Name? { ObjectArea(Array(tpm2b.dropFirst(2)))?.name }

/// An NV index's public area (TPMS_NV_PUBLIC).
package struct IndexArea: Hashable, Sendable {
    package let handle: UInt32
    package let attributes: UInt32
    package let authPolicy: [UInt8]
    private let dataSize: UInt16
    private let nameAlgorithm: UInt16

    private static let written: UInt32 = 1 << 29
    private static let platformCreate: UInt32 = 1 << 30

    /// - Parameter bytes: what a TPM2B_NV_PUBLIC holds.
    package init?(_ bytes: [UInt8]) {
        do throws(Fields.Short) {
            var fields = Fields(bytes)
            handle = try fields.number()
            nameAlgorithm = try fields.number()
            attributes = try fields.number()
            authPolicy = try fields.sized()
            dataSize = try fields.number()
        } catch {
            return nil
        }
    }

    package var isWritten: Bool { attributes & Self.written != 0 }
    /// Whether it is a PIN Pass index (TPM_NT 9).
    package var isSlot: Bool { attributes >> 4 & 0xF == 9 }
    /// Whether TPM2_Clear leaves it alone: what the platform defined is not the owner's. TPM 2.0 Part 3 §24.6.
    package var outlivesClear: Bool { attributes & Self.platformCreate != 0 }

    /// The area as TPM2B_NV_PUBLIC holds it, with these attributes and this policy instead.
    package func bytes(attributes: UInt32? = nil, authPolicy: [UInt8]? = nil) -> [UInt8] {
        field(handle) + field(nameAlgorithm) + field(attributes ?? self.attributes)
            + sized(authPolicy ?? self.authPolicy)
            + field(dataSize)
    }

    /// The Name while it is written, or is not.
    package func name(written: Bool) -> Name {
        let attributes = written ? attributes | Self.written : attributes & ~Self.written
        return field(nameAlgorithm) + Array(SHA256.hash(data: bytes(attributes: attributes)))
    }
}

/// Policy digests, extended as TPM 2.0 Part 3 §23 says.
package enum PolicyDigest {
    private static let zero = [UInt8](repeating: 0, count: 32)

    /// PolicyNV, always true for the index with this Name, and then PolicyCommandCode(ECDH_ZGen).
    static func evaluating(_ slot: Name) -> [UInt8] {
        // operandB `00`, offset 0, TPM_EO_UNSIGNED_GE.
        let comparison = Array(SHA256.hash(data: [0] + [0, 0] + [0, 7]))
        return commandCode(0x154, after: extended(zero, 0x149, comparison + slot))
    }

    package static func commandCode(_ code: UInt32, after digest: [UInt8] = zero) -> [UInt8] {
        extended(digest, 0x16C, field(code))
    }

    package static func or(_ branches: [[UInt8]]) -> [UInt8] { extended(zero, 0x171, branches.flatMap { $0 }) }

    private static func extended(_ digest: [UInt8], _ code: UInt32, _ more: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: digest + field(code) + more))
    }
}
