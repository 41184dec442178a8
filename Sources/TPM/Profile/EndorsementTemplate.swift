/// The endorsement keys that chips are made with. TCG EK Credential Profile 2.5 Annex B.
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

    /// The NV index of the certificate. TCG EK Credential Profile §2.2.1.4 and §2.2.1.5.
    public var certificateIndex: Handle {
        switch self {
        case .rsa2048: Handle(0x01C0_0002)
        case .p256: Handle(0x01C0_000A)
        case .rsa2048High: Handle(0x01C0_0012)
        case .p256High: Handle(0x01C0_0014)
        case .p384: Handle(0x01C0_0016)
        }
    }

    /// PolicySecret(TPM_RH_ENDORSEMENT), as every chip's low-range template has it, and the high range's
    /// OR of that with PolicyAuthorizeNV. Facts of the TCG's profile: the only digests that are not computed here,
    /// because they belong to keys that Tenpin does not make.
    private var authPolicy: [UInt8] {
        switch self {
        case .rsa2048, .p256:
            [
                0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24,
                0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA,
            ]
        case .rsa2048High, .p256High:
            [
                0xCA, 0x3D, 0x0A, 0x99, 0xA2, 0xB9, 0x39, 0x06, 0xF7, 0xA3, 0x34, 0x24, 0x14, 0xEF, 0xCF, 0xB3,
                0xA3, 0x85, 0xD4, 0x4C, 0xD1, 0xFD, 0x45, 0x90, 0x89, 0xD1, 0x9B, 0x50, 0x71, 0xC0, 0xB7, 0xA0,
            ]
        case .p384:
            [
                0xB2, 0x6E, 0x7D, 0x28, 0xD1, 0x1A, 0x50, 0xBC, 0x53, 0xD8, 0x82, 0xBC, 0xF5, 0xFD, 0x3A, 0x1A,
                0x07, 0x41, 0x48, 0xBB, 0x35, 0xD3, 0xB4, 0xE4, 0xCB, 0x1C, 0x0A, 0xD9, 0xBD, 0xE4, 0x19, 0xCA,
                0xCB, 0x47, 0xBA, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0F, 0x9F, 0xC0, 0x00, 0xF3, 0xF8, 0x0E, 0x12,
            ]
        }
    }

    /// The template that CreatePrimary in the endorsement hierarchy takes.
    public var publicArea: PublicArea {
        let isHigh = self == .rsa2048High || self == .p256High || self == .p384
        var attributes: ObjectAttributes = [
            .fixedTPM, .fixedParent, .sensitiveDataOrigin, .adminWithPolicy, .restricted, .decrypt,
        ]
        if isHigh { attributes.insert(.userWithAuth) }
        // Low-range templates have a unique field of zeros, high-range ones an empty one.
        let body: PublicArea.Body =
            switch self {
            case .rsa2048, .rsa2048High:
                .rsa(
                    bits: 2048, symmetric: .aes128, exponent: 0, modulus: isHigh ? [] : .init(repeating: 0, count: 256))
            case .p256, .p256High:
                .ecc(
                    curve: .p256, symmetric: .aes128, scheme: .null,
                    x: isHigh ? [] : .init(repeating: 0, count: 32), y: isHigh ? [] : .init(repeating: 0, count: 32))
            case .p384:
                .ecc(curve: .p384, symmetric: .aes256, scheme: .null, x: [], y: [])
            }
        return PublicArea(
            nameAlgorithm: self == .p384 ? .sha384 : .sha256, attributes: attributes, authPolicy: authPolicy,
            body: body)
    }

    /// The template of which `area` is a key: equal but for the unique field.
    public init?(of area: PublicArea) {
        guard let match = Self.allCases.first(where: { $0.publicArea.template == area.template }) else { return nil }
        self = match
    }
}
