import TPM
import TPMDevice

/// What the profile needs of a chip, checked before anything is made on it.
enum ChipRequirements {
    /// The smallest and the wanted sizes of the chip's largest digest in bytes.
    private static let digests = [48, 64]

    /// TPM_PT_MAX_DIGEST, TPM_PT_MANUFACTURER, the four of TPM_PT_VENDOR_STRING, TPM_PT_FIRMWARE_VERSION_1 and 2.
    enum Property {
        static let largestDigest: UInt32 = 0x120
        static let manufacturer: UInt32 = 0x105
        static let vendorStrings: ClosedRange<UInt32> = 0x106...0x109
        static let firmware: ClosedRange<UInt32> = 0x10B...0x10C
    }

    private static let commands: [CommandCode] = [
        .startAuthSession, .policySigned, .policyNV, .policyOR, .policyCommandCode, .ecdhZGen, .import, .load, .unseal,
        .createPrimary, .evictControl, .loadExternal, .nvDefineSpace, .nvUndefineSpace, .nvReadPublic, .nvRead,
        .nvWrite, .contextSave, .contextLoad, .getRandom, .getCapability, .flushContext, .readPublic,
    ]

    /// Refuses a chip that lacks something, naming it; gives the size of its largest digest.
    static func check(_ chip: Chip) throws -> Int {
        let implemented = try chip.implementedCommands()
        let missing = commands.filter { !implemented.contains($0.rawValue) }
        guard missing.isEmpty else {
            throw ProvisionError.missing("the commands " + missing.map(\.description).joined(separator: ", "))
        }
        guard try chip.curves().contains(PublicArea.Curve.p256.rawValue) else {
            throw ProvisionError.missing("the curve P-256")
        }
        let largest = Int(try chip.property(Property.largestDigest) ?? 0)
        guard digests.contains(largest) else {
            throw ProvisionError.missing("SHA-384 or SHA-512 (its largest hash has \(largest) bytes)")
        }
        return largest
    }

    /// The maker's four letters, and the vendor's text.
    static func maker(of chip: Chip) throws -> (manufacturer: String, vendor: String, firmware: String) {
        func text(_ tag: UInt32) throws -> String {
            let value = try chip.property(tag) ?? 0
            let bytes = Writer.bytes { $0.integer(value) }.filter { $0 >= 0x20 && $0 < 0x7F }
            return String(decoding: bytes, as: UTF8.self)
        }
        let firmware = try Property.firmware.map { try chip.property($0) ?? 0 }
        return (
            try text(Property.manufacturer).trimmed, try Property.vendorStrings.map(text).joined().trimmed,
            firmware.map { "\($0 >> 16).\($0 & 0xFFFF)" }.joined(separator: ".")
        )
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

/// Why a chip cannot hold a vault, or not now.
public enum ProvisionError: Error, Equatable, Sendable, CustomStringConvertible {
    case missing(String)
    case noCertificate
    case certificateOfAnotherKey(String)
    case noHandle
    case pinPass(String)
    case parent
    case otherEndorsement
    case emulated

    public var description: String {
        switch self {
        case .missing(let what): "This TPM lacks \(what), which Tenpin needs; use another chip. Nothing was changed."
        case .noCertificate:
            "This TPM holds no endorsement certificate that Tenpin can use, so no device could tell it from another;"
                + " for an emulated one make certificates with swtpm_setup --create-ek-cert. Nothing was changed."
        case .certificateOfAnotherKey(let which):
            "The endorsement certificate (\(which)) certifies another key than the chip makes from that template."
        case .noHandle: "The TPM has no free persistent handle; take one away with tpm2_evictcontrol."
        case .pinPass(let reason): "The TPM cannot define an index of type PIN Pass (\(reason)); use another chip."
        case .otherEndorsement:
            "This vault was provisioned with another endorsement key, to which its accounts are bound; leave --endorsement"
                + " out, or provision a new vault in another folder."
        case .emulated:
            "This TPM is emulated: whoever runs its host can copy it and guess without limit; for a trial, allow it with"
                + " --allow-emulated. Nothing was changed."
        case .parent: "The TPM made a parent that is not the profile's; use another chip."
        }
    }
}
