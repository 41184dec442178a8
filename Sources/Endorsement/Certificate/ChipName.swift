import SwiftASN1
import X509

/// What a maker calls a chip, from the certificate's subject alternative name (TCG EK Credential Profile 2.5 §3.1.2).
public struct ChipName: Hashable, Sendable {
    /// The vendor, as TPM_PT_MANUFACTURER gives it too.
    public let manufacturer: ManufacturerID
    /// The model, in the maker's words.
    public let model: String
    /// The firmware's version, `id:` and hexadecimal digits as a rule.
    public let version: String
}

extension ChipName {
    /// Takes the three attributes, each exactly once, from the directory names. They stand in one set or in one each, and
    /// Nuvoton's do not stand in DER's order, which X509 insists on.
    init(_ extensions: Certificate.Extensions) throws(EndorsementError) {
        guard let names = extensions[oid: .X509ExtensionID.subjectAlternativeName],
            let list = try? DER.parse(Array(names.value)), list.identifier == .sequence
        else { throw .namesNoChip }
        var found: [ASN1ObjectIdentifier: [String]] = [:]
        // [4] directoryName: a SEQUENCE of SETs of attributes (RFC 5280 §4.2.1.6).
        for set in list.children.filter({ $0.isTagged(4) }).flatMap(\.children).flatMap(\.children) {
            for attribute in set.children {
                let parts = attribute.children
                guard parts.count == 2, let name = try? ASN1ObjectIdentifier(derEncoded: parts[0]),
                    let value = parts[1].text
                else { throw .namesNoChip }
                found[name, default: []].append(value)
            }
        }
        // A second manufacturer would let the certificate say one thing to us and another to the next reader.
        guard let manufacturers = found[.tpmManufacturer], manufacturers.count == 1,
            let models = found[.tpmModel], models.count == 1,
            let versions = found[.tpmVersion], versions.count == 1,
            let manufacturer = ManufacturerID(attribute: manufacturers[0])
        else { throw .namesNoChip }
        self.manufacturer = manufacturer
        model = printable(models[0])
        version = printable(versions[0])
    }
}

/// A TPM vendor's number (TCG Vendor ID Registry), up to four ASCII characters with spaces or zeros behind.
public struct ManufacturerID: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The number, as TPM_PT_MANUFACTURER has it.
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Reads `id:` and eight hexadecimal digits.
    init?(attribute: String) {
        let digits = attribute.dropFirst(3)
        guard attribute.hasPrefix("id:"), digits.utf8.count == 8, digits.allSatisfy(\.isHexDigit),
            let value = UInt32(digits, radix: 16)
        else { return nil }
        rawValue = value
    }

    /// Whether both are the same vendor's: makers fill up with spaces or with zeros, and swtpm's certificates have IBM's PCI
    /// number where its chip says `IBM`.
    public func isSameVendor(as other: ManufacturerID) -> Bool { vendor == other.vendor }

    /// What the registry calls the vendor.
    public var vendor: String { rawValue == 0x1014 ? "IBM" : description }

    /// The characters (`IFX`, `STM`), or eight hexadecimal digits where they are none (`00001014`).
    public var description: String {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: rawValue >> (24 - 8 * $0)) }
        let name = bytes.reversed().drop { $0 == 0 || $0 == 0x20 }.reversed()
        if !name.isEmpty, name.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return String(decoding: name, as: UTF8.self)
        }
        let digits = String(rawValue, radix: 16, uppercase: true)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

/// The text with everything but printable ASCII replaced.
///
/// 1. An impostor puts escape sequences into a name. 2. The device shows the name. 3. The terminal shows "verified".
func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { (0x20...0x7E).contains($0.value) ? $0 : "?" }))
}
