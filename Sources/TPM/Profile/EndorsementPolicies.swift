/// The policies of endorsement keys, which belong to keys that Tenpin does not make and never satisfies: only their
/// digests are of use. TCG EK Credential Profile 2.6 Annex B.6.
enum EndorsementPolicies {
    /// PolicyA, of the low range: PolicySecret(TPM_RH_ENDORSEMENT) with an empty reference. TPM 2.0 Part 3 §23.4.
    static func a(_ hash: HashAlgorithm) -> [UInt8] {
        let name = Name(Handle.endorsement)
        return hash.digest(hash.digest(zero(hash), Code.policySecret, name.bytes))
    }

    /// PolicyB, of the high range: PolicyA or PolicyC. TPM 2.0 Part 3 §23.6.
    static func b(_ hash: HashAlgorithm) -> [UInt8] {
        hash.digest(zero(hash), CommandCode.policyOR.bytes, a(hash) + c(hash))
    }

    /// PolicyC: PolicyAuthorizeNV of the index that the platform's owner may fill with a policy of theirs.
    /// TPM 2.0 Part 3 §23.20.
    private static func c(_ hash: HashAlgorithm) -> [UInt8] {
        hash.digest(zero(hash), Code.policyAuthorizeNV, policyIndex(hash).name.bytes)
    }

    /// Policy index I-1, I-2 or I-3 by hash (Annex B.5): it holds an algorithm and a digest, is written with PolicyA,
    /// and read by anyone who is authorized.
    private static func policyIndex(_ hash: HashAlgorithm) -> NVPublic {
        let handle: UInt32 =
            switch hash {
            case .sha256: 0x01C0_7F01
            case .sha384: 0x01C0_7F02
            case .sha512: 0x01C0_7F03
            }
        return NVPublic(
            index: Handle(handle), nameAlgorithm: hash,
            attributes: [.policyWrite, .writeAll, .ppRead, .ownerRead, .authRead, .policyRead, .noDA, .written],
            authPolicy: a(hash), dataSize: UInt16(2 + hash.size))
    }

    private static func zero(_ hash: HashAlgorithm) -> [UInt8] { .init(repeating: 0, count: hash.size) }

    /// Commands that are never sent. TPM 2.0 Part 2 §6.5.2.
    private enum Code {
        static let policySecret: [UInt8] = [0, 0, 0x01, 0x51]
        static let policyAuthorizeNV: [UInt8] = [0, 0, 0x01, 0x92]
    }
}
