/// The policies of endorsement keys, which belong to keys that Tenpin does not make. TCG EK Credential Profile 2.6 Annex B.6.
enum EndorsementPolicies {
    /// PolicyA, of the low range: the endorsement hierarchy's authorization.
    static let a = Policy(.secret(of: Name(.endorsement)))

    /// PolicyB, of the high range: PolicyA, or PolicyC: whatever policy the platform's owner has put into the policy index.
    static func b(_ hash: HashAlgorithm) -> Policy {
        Policy(.or([a, Policy(.authorizeNV(index: policyIndex(hash).name))]))
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
            authPolicy: a.digest(hash), dataSize: UInt16(2 + hash.size))
    }
}
