import TPM
import TPMDevice

/// What the profile needs of a chip, checked before anything is made on it.
enum ChipRequirements {
    /// The smallest and the wanted sizes of the chip's largest digest in bytes.
    private static let digests = [48, 64]

    /// TPM_PT_REVISION, TPM_PT_MAX_DIGEST, TPM_PT_MANUFACTURER, the four of TPM_PT_VENDOR_STRING, TPM_PT_FIRMWARE_VERSION_1 and 2.
    enum Property {
        static let revision: UInt32 = 0x102
        static let largestDigest: UInt32 = 0x120
        static let manufacturer: UInt32 = 0x105
        static let vendorStrings: ClosedRange<UInt32> = 0x106...0x109
        static let firmware: ClosedRange<UInt32> = 0x10B...0x10C
    }

    private static let commands: [CommandCode] = [
        .startAuthSession, .policySigned, .policyNV, .policyOR, .policyCommandCode, .ecdhZGen, .import, .load, .unseal,
        .createPrimary, .evictControl, .loadExternal, .nvDefineSpace, .nvUndefineSpace, .nvReadPublic, .nvRead,
        .nvWrite, .nvIncrement, .nvCertify, .contextSave, .contextLoad, .getRandom, .getCapability, .flushContext,
        .readPublic,
    ]

    /// Refuses a chip that lacks something, naming it; gives the size of its largest digest.
    @discardableResult
    static func check(_ chip: Chip) throws -> Int {
        let missing = try missing(of: chip)
        guard missing.isEmpty else { throw ProvisionError.missing(missing.joined(separator: " and ")) }
        return try chip.largestDigest
    }

    /// What a chip lacks; asking changes nothing on it.
    static func missing(of chip: Chip) throws(ChipError) -> [String] {
        let implemented = try chip.implementedCommands()
        let lacking = commands.filter { !implemented.contains($0.rawValue) }
        var missing: [String] = []
        if !lacking.isEmpty { missing.append("the commands " + lacking.map(\.description).joined(separator: ", ")) }
        if try !chip.curves().contains(PublicArea.Curve.p256.rawValue) { missing.append("the curve P-256") }
        let largest = try chip.largestDigest
        if !digests.contains(largest) {
            missing.append("SHA-384 or SHA-512 (its largest hash has \(largest) bytes)")
        }
        return missing
    }

    /// Who made a chip: the maker's four letters, and the vendor's text.
    struct Maker {
        let manufacturer: String
        let vendor: String
        let firmware: String
        /// Whether it says that it is a program.
        var isEmulated: Bool { manufacturer == "IBM" || vendor.hasPrefix("SW") }
    }

    static func maker(of chip: Chip) throws(ChipError) -> Maker {
        func text(_ tag: UInt32) throws(ChipError) -> String {
            let value = try chip.property(tag) ?? 0
            let bytes = Writer.bytes { $0.integer(value) }.filter { $0 >= 0x20 && $0 < 0x7F }
            return String(decoding: bytes, as: UTF8.self)
        }
        var vendor = ""
        for tag in Property.vendorStrings { vendor += try text(tag) }
        var firmware: [UInt32] = []
        for tag in Property.firmware { firmware.append(try chip.property(tag) ?? 0) }
        return Maker(
            manufacturer: try text(Property.manufacturer).trimmed, vendor: vendor.trimmed,
            firmware: firmware.map { "\($0 >> 16).\($0 & 0xFFFF)" }.joined(separator: "."))
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
    /// The certified key is a persistent one of the chip's, of this other template.
    case certificateIsFor(String)
    /// The certified key is at this handle, and differs from every template.
    case template(String, TemplateDifference)
    /// The chip has a template of its maker's own at this index.
    case ownTemplate(String)
    /// The only certificate is for a key of this kind.
    case unusableKey(String)
    case noHandle
    /// No handle is free for the journal's counter.
    case noCounter
    /// Another index is where the vault's counter should be.
    case foreignCounter(String)
    case pinPass(String)
    case parent
    case otherEndorsement
    case emulated
    /// The self-test's properties that the chip does not have, and what was seen.
    case selfTest([SelfTestReport.Property])

    public var description: String {
        switch self {
        case .missing(let what): "This TPM lacks \(what), which Tenpin needs; use another chip. Nothing was changed."
        case .noCertificate:
            "This TPM holds no endorsement certificate that Tenpin can use, so no device could tell it from another;"
                + " for an emulated one make certificates with swtpm_setup --create-ek-cert. Nothing was changed."
        case .certificateOfAnotherKey(let which):
            "The endorsement certificate (\(which)) certifies another key than the chip makes from that template; name the"
                + " template with --endorsement, or give this chip's certificate with --certificate."
        case .certificateIsFor(let template):
            "The endorsement certificate is for the key of another template; give --endorsement \(template)."
        case .template(let handle, let difference):
            "The key that is certified (at \(handle)) is none that devices accept: \(difference); use another key or chip."
        case .ownTemplate(let index):
            "The key that is certified is made from a template of the maker's own (\(index)), which devices do not accept; use"
                + " another key with --endorsement, or another chip."
        case .unusableKey(let key):
            "The only endorsement certificate is for a key of kind \(key), to which no session can be salted; give a"
                + " certificate for RSA 2048 to 4096, P-256 or P-384 with --certificate. Nothing was changed."
        case .noHandle: "The TPM has no free persistent handle; take one away with tpm2_evictcontrol."
        case .noCounter:
            "The TPM has no free NV handle from 0x01BFFF10 to 0x01BFFF1F for the journal's counter; take one away with"
                + " tpm2_nvundefine."
        case .foreignCounter(let handle):
            "Another NV index stands at \(handle), where this vault's journal has its counter; take it away with"
                + " tpm2_nvundefine."
        case .pinPass(let reason): "The TPM cannot define an index of type PIN Pass (\(reason)); use another chip."
        case .otherEndorsement:
            "This vault was provisioned with another endorsement key, to which its accounts are bound; leave --endorsement"
                + " out, or provision a new vault in another folder."
        case .emulated:
            "This TPM is emulated: whoever runs its host can copy it and guess without limit; for a trial, allow it with"
                + " --allow-emulated. Nothing was changed."
        case .selfTest(let failures):
            "This TPM fails "
                + failures.map { "\($0.id) (\($0.seen))" }.joined(separator: " and ")
                + ", and would not limit guesses as Tenpin needs; use another chip. Nothing persistent was made."
        case .parent: "The TPM made a parent that is not the profile's; use another chip."
        }
    }
}
