import Endorsement
import TPM
import VaultAPI

/// The chip as it describes itself to whoever asks, and what `provision` wrote about it.
public struct ChipEvidence: Codable, Hashable, Sendable {
    /// The endorsement key, TPMT_PUBLIC as the chip gave it.
    public var endorsementKey: Bytes
    /// The endorsement certificate and further ones towards the root, DER.
    public var certificate: Bytes
    public var intermediates: [Bytes]
    /// The parent, TPMT_PUBLIC.
    public var parent: Bytes
    /// The attestation key, TPMT_PUBLIC, where it was asked to sign.
    public var attestationKey: Bytes?
    /// Both groups of TPM_PT, in the order of their tags.
    public var properties: [Property]
    /// The size of the chip's largest digest when the vault was provisioned, in bytes.
    public var provisionedDigest: Int
    /// How many slots fit, when that was measured.
    public var capacity: Int?

    /// A TPM_PT and its value. TPM 2.0 Part 2 §6.13.
    public struct Property: Codable, Hashable, Sendable {
        public var tag: UInt32
        public var value: UInt32

        public init(tag: UInt32, value: UInt32) {
            self.tag = tag
            self.value = value
        }
    }

    public init(
        endorsementKey: Bytes, certificate: Bytes, intermediates: [Bytes], parent: Bytes, attestationKey: Bytes?,
        properties: [Property], provisionedDigest: Int, capacity: Int?
    ) {
        self.endorsementKey = endorsementKey
        self.certificate = certificate
        self.intermediates = intermediates
        self.parent = parent
        self.attestationKey = attestationKey
        self.properties = properties
        self.provisionedDigest = provisionedDigest
        self.capacity = capacity
    }
}

extension ChipEvidence {
    /// The tags that an audit looks at. TPM 2.0 Part 2 §6.13.
    enum Tag {
        static let manufacturer: UInt32 = 0x105
        static let vendorStrings: ClosedRange<UInt32> = 0x106...0x109
        static let firmware: ClosedRange<UInt32> = 0x10B...0x10C
        static let largestDigest: UInt32 = 0x120
        static let permanent: UInt32 = 0x200
        static let lockoutCounter: UInt32 = 0x20E
        static let maximumFailures: UInt32 = 0x20F
        static let lockoutInterval: UInt32 = 0x210
        static let lockoutRecovery: UInt32 = 0x211
    }

    /// The value of a property, if the chip has it.
    public func property(_ tag: UInt32) -> UInt32? { properties.first { $0.tag == tag }?.value }

    public var endorsementArea: PublicArea? { try? PublicArea(contents: endorsementKey.bytes) }
    public var parentArea: PublicArea? { try? PublicArea(contents: parent.bytes) }
    public var attestationPoint: P256Point? {
        guard let attestationKey, let area = try? PublicArea(contents: attestationKey.bytes),
            AttestationProfile.accepts(area)
        else { return nil }
        return area.point
    }

    /// TPM_PT_FIRMWARE_VERSION_1 and _2 in one, as an attestation has them.
    public var firmwareVersion: UInt64 {
        Tag.firmware.reduce(0) { $0 << 32 | UInt64(property($1) ?? 0) }
    }

    /// The firmware's version as makers write it: four numbers.
    public var firmware: String { Self.firmware(firmwareVersion) }

    static func firmware(_ version: UInt64) -> String {
        [48, 32, 16, 0].map { "\(version >> $0 & 0xFFFF)" }.joined(separator: ".")
    }

    /// What the chip calls its maker, and itself.
    public var manufacturer: ManufacturerID { ManufacturerID(rawValue: property(Tag.manufacturer) ?? 0) }
    public var vendorString: String {
        let bytes = Tag.vendorStrings.flatMap { tag in Writer.bytes { $0.integer(property(tag) ?? 0) } }
        return String(decoding: bytes.filter { (0x20...0x7E).contains($0) }, as: UTF8.self)
    }

    /// For telling what kind of chip it is; with what its certificate says, where that was verified.
    func identity(_ verified: VerifiedEndorsement?) -> ChipIdentity {
        ChipIdentity(
            manufacturer: manufacturer, vendorString: vendorString, firmware: Tag.firmware.map { property($0) ?? 0 },
            name: verified?.chip, issuer: verified?.issuer ?? "")
    }
}

extension PublicArea {
    /// Parses a TPMT_PUBLIC with nothing after it.
    init(contents: [UInt8]) throws(WireError) {
        try self.init(tpm2b: Writer.bytes { $0.sized(contents) })
    }
}

extension NVPublic {
    /// Parses a TPMS_NV_PUBLIC with nothing after it.
    init(contents: [UInt8]) throws(WireError) {
        try self.init(tpm2b: Writer.bytes { $0.sized(contents) })
    }
}
