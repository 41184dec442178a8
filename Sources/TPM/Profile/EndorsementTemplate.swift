/// The endorsement keys that chips are made with, and that a device session can be salted to.
/// TCG EK Credential Profile 2.6 Annex B.3 (low range, L) and B.4 (high range, H).
public enum EndorsementTemplate: String, Hashable, Sendable, CaseIterable {
    /// L-2: P-256, low range.
    case p256 = "p256"
    /// H-2: P-256, high range.
    case p256High = "p256-high"
    /// H-3: P-384.
    case p384 = "p384"
    /// L-1: RSA 2048, low range.
    case rsa2048 = "rsa2048"
    /// H-1: RSA 2048, high range.
    case rsa2048High = "rsa2048-high"
    /// H-6: RSA 3072.
    case rsa3072 = "rsa3072"
    /// H-7: RSA 4096.
    case rsa4096 = "rsa4096"

    /// The NV index of the certificate. TCG EK Credential Profile 2.6 §2.2.2.4 and §2.2.2.5.
    public var certificateIndex: Handle {
        switch self {
        case .rsa2048: Handle(0x01C0_0002)
        case .p256: Handle(0x01C0_000A)
        case .rsa2048High: Handle(0x01C0_0012)
        case .p256High: Handle(0x01C0_0014)
        case .p384: Handle(0x01C0_0016)
        case .rsa3072: Handle(0x01C0_001C)
        case .rsa4096: Handle(0x01C0_001E)
        }
    }

    /// The certificates of endorsement keys that no device session can be salted to: H-4 (P-521) and H-5 (SM2).
    public static let unusableIndexes: [(index: Handle, key: String)] = [
        (Handle(0x01C0_0018), "P-521"), (Handle(0x01C0_001A), "SM2"),
    ]

    /// A low-range chip's own template and the nonce that goes into its unique field, where the maker departed from
    /// the standard's. §2.2.2.4: such a key is not the profile's, and is refused by name.
    public var ownTemplateIndexes: [Handle] {
        switch self {
        case .rsa2048: [Handle(0x01C0_0003), Handle(0x01C0_0004)]
        case .p256: [Handle(0x01C0_000B), Handle(0x01C0_000C)]
        default: []
        }
    }

    /// How the key is used: by the endorsement hierarchy's authorization. Low-range keys have this as their policy and no
    /// other way; high-range ones are also used with their own, empty authValue, for which this is `nil`.
    public var usePolicy: Policy? { isHigh ? nil : EndorsementPolicies.a }

    /// The policy whose digest the template holds.
    public var policy: Policy { isHigh ? EndorsementPolicies.b(hash) : EndorsementPolicies.a }

    private var isHigh: Bool { self != .rsa2048 && self != .p256 }

    private var hash: HashAlgorithm {
        switch self {
        case .p384, .rsa3072, .rsa4096: .sha384
        default: .sha256
        }
    }

    /// The template that CreatePrimary in the endorsement hierarchy takes.
    public var publicArea: PublicArea {
        var attributes: ObjectAttributes = [
            .fixedTPM, .fixedParent, .sensitiveDataOrigin, .adminWithPolicy, .restricted, .decrypt,
        ]
        if isHigh { attributes.insert(.userWithAuth) }
        return PublicArea(
            nameAlgorithm: hash, attributes: attributes,
            authPolicy: policy.digest(hash), body: body)
    }

    /// Low-range templates have a unique field of zeros, high-range ones an empty one.
    private var body: PublicArea.Body {
        switch self {
        case .rsa2048:
            .rsa(bits: 2048, symmetric: .aes128, exponent: 0, modulus: .init(repeating: 0, count: 256))
        case .rsa2048High: .rsa(bits: 2048, symmetric: .aes128, exponent: 0, modulus: [])
        case .rsa3072: .rsa(bits: 3072, symmetric: .aes256, exponent: 0, modulus: [])
        case .rsa4096: .rsa(bits: 4096, symmetric: .aes256, exponent: 0, modulus: [])
        case .p256:
            .ecc(
                curve: .p256, symmetric: .aes128, scheme: .null, x: .init(repeating: 0, count: 32),
                y: .init(repeating: 0, count: 32))
        case .p256High: .ecc(curve: .p256, symmetric: .aes128, scheme: .null, x: [], y: [])
        case .p384: .ecc(curve: .p384, symmetric: .aes256, scheme: .null, x: [], y: [])
        }
    }

    /// The template of which `area` is a key: equal but for the unique field.
    public init?(of area: PublicArea) {
        guard let match = try? Self.matching(area) else { return nil }
        self = match
    }
}
