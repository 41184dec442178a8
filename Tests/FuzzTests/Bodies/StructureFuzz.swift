import Crypto

@testable import TPM
@testable import VaultClient

/// Structures of the TPM, as the device, the vault and the chip send them. The first byte picks one.
enum StructureFuzz: FuzzBody {
    static let largest = 1200

    static func take(_ bytes: [UInt8]) throws(Finding) {
        guard let kind = bytes.first else { return }
        let rest = Array(bytes.dropFirst())
        switch kind % 11 {
        case 0: try publicArea(rest)
        case 1: try index(rest)
        case 2: try name(rest)
        case 3: try compressedPoint(rest)
        case 4: try ecPoint(rest)
        case 5: try slotCount(rest)
        case 6: chipFacts(rest)
        case 7: _ = try? ChipFacts.largestDigest(answer: rest)
        case 8: try signature(rest)
        case 9: try response(rest, to: .getRandom(16))
        default: try response(rest, to: Command(.startAuthSession, answersHandle: true) { _ in })
        }
    }

    private static func publicArea(_ bytes: [UInt8]) throws(Finding) {
        guard let area = try? PublicArea(tpm2b: bytes) else { return }
        try mustEqual(area.tpm2b, bytes, "a TPM2B_PUBLIC has one encoding")
        _ = (area.name, area.point, area.template)
    }

    private static func index(_ bytes: [UInt8]) throws(Finding) {
        guard let area = try? NVPublic(tpm2b: bytes) else { return }
        try mustEqual(area.tpm2b, bytes, "a TPM2B_NV_PUBLIC has one encoding")
        _ = area.name
    }

    private static func name(_ bytes: [UInt8]) throws(Finding) {
        guard let name = try? Name(parsing: bytes) else { return }
        try mustEqual(name.bytes, bytes, "a Name has one encoding")
        try mustEqual(Name(digits: name.description), name, "a Name's digits are the Name")
    }

    private static func compressedPoint(_ bytes: [UInt8]) throws(Finding) {
        guard let point = try? P256Point(sec1: bytes) else { return }
        try mustEqual(point.sec1, bytes, "a compressed point has one encoding")
    }

    private static func slotCount(_ bytes: [UInt8]) throws(Finding) {
        guard let count = try? SlotCount(readParameters: bytes) else { return }
        let again = Writer.bytes { writer in
            writer.sized { inner in
                inner.integer(count.count)
                inner.integer(count.ceiling)
            }
        }
        try mustEqual(again, bytes, "count and ceiling have one encoding")
    }

    private static func chipFacts(_ bytes: [UInt8]) {
        guard let facts = try? ChipFacts(answer: bytes) else { return }
        _ = (facts.manufacturer, facts.vendorString, facts.firmwareVersion)
    }

    private static func signature(_ bytes: [UInt8]) throws(Finding) {
        guard let signature = try? Signature(p1363: bytes) else { return }
        try mustEqual(signature.p1363, bytes, "a signature has one encoding")
        try mustEqual(signature.bytes.count, 72, "a TPMT_SIGNATURE has 72 bytes")
    }

    /// A chip may leave leading zeros of a coordinate away; the point is the same, and is written in one way.
    private static func ecPoint(_ bytes: [UInt8]) throws(Finding) {
        guard
            let point = try? Reader.parse(
                bytes,
                { (reader: inout Reader) throws(WireError) in
                    try P256Point(tpm2b: &reader)
                })
        else { return }
        let written = Writer.bytes { writer in writer.sized { point.write(to: &$0) } }
        try must(written == bytes || bytes.count < written.count, "a TPM2B_ECC_POINT is written in full")
        try mustEqual(try? P256Point(sec1: point.sec1), point, "a point survives its compressed form")
    }

    /// A response that is taken apart holds every byte that came.
    private static func response(_ bytes: [UInt8], to command: Command) throws(Finding) {
        guard let response = try? Response(bytes, to: command) else { return }
        _ = response.code.description
        let again = Writer.bytes { writer in
            let sessions = Writer.bytes { writer in
                for answer in response.sessions {
                    writer.sized(answer.nonceTPM)
                    writer.integer(answer.attributes.rawValue)
                    writer.sized(answer.hmac)
                }
            }
            let hasSessions = bytes[0...1] == [0x80, 0x02] && response.code.isSuccess
            writer.raw(bytes[0..<6])
            writer.integer(response.code.rawValue)
            if let handle = response.handle { writer.integer(handle.rawValue) }
            if hasSessions { writer.integer(UInt32(response.parameters.count)) }
            writer.raw(response.parameters)
            writer.raw(sessions)
        }
        try mustEqual(again, bytes, "a response has one encoding")
    }

    static func seeds() throws -> [[UInt8]] {
        let key = P256.Signing.PrivateKey().publicKey
        let point = P256Point(key)
        let endorsement = Name(of: [1, 2, 3], .sha256)
        let authority = try AuthorityProfile(largestDigest: 64, endorsementName: endorsement)
        let slot = try SlotProfile(handle: Handle(0x0180_0000), authority: authority, limitKey: point)
        let sealed = PublicArea(
            nameAlgorithm: .sha256, attributes: [.noDA, .adminWithPolicy],
            authPolicy: [UInt8](repeating: 1, count: 32), body: .sealed(unique: [UInt8](repeating: 2, count: 32)))
        let rsa = PublicArea(
            nameAlgorithm: .sha256, attributes: [.fixedTPM, .restricted, .decrypt], authPolicy: [],
            body: .rsa(bits: 2048, symmetric: .aes128, exponent: 0, modulus: [UInt8](repeating: 3, count: 256)))
        let ecPoint = Writer.bytes { writer in writer.sized { point.write(to: &$0) } }
        func capability(_ first: UInt32, _ values: [UInt32]) -> [UInt8] {
            Writer.bytes { writer in
                writer.integer(UInt8(0))
                writer.integer(UInt32(6))
                writer.integer(UInt32(values.count))
                for (offset, value) in values.enumerated() {
                    writer.integer(first + UInt32(offset))
                    writer.integer(value)
                }
            }
        }
        func answer(_ tag: UInt16, _ body: [UInt8], code: UInt32 = 0) -> [UInt8] {
            Writer.bytes { writer in
                writer.integer(tag)
                writer.integer(UInt32(10 + body.count))
                writer.integer(code)
                writer.raw(body)
            }
        }
        let session: [UInt8] =
            [0, 32] + [UInt8](repeating: 4, count: 32) + [1, 0, 32] + [UInt8](repeating: 5, count: 32)
        return [
            [0] + authority.publicArea(point).tpm2b, [0] + sealed.tpm2b, [0] + rsa.tpm2b,
            [0] + ParentProfile.template.tpm2b, [1] + slot.publicArea(written: true).tpm2b, [2] + endorsement.bytes,
            [3] + point.sec1, [4] + ecPoint, [5, 0, 8, 0, 0, 0, 1, 0, 0, 0, 11],
            [6] + capability(0x105, [0x4942_4D00, 0x5357_2020, 0x2054_504D, 0, 0, 1, 2, 3]),
            [7] + capability(0x120, [64]), [8] + [UInt8](repeating: 6, count: 64),
            [9] + answer(0x8002, [0, 0, 0, 4, 0, 2, 8, 9] + session), [9] + answer(0x8001, [], code: 0x12F),
            [10] + answer(0x8001, [3, 0, 0, 0, 0, 2, 8, 9]),
        ]
    }
}
