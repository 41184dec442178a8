import SwiftASN1
import X509

/// What a maker calls a chip, from the certificate's subject alternative name (TCG EK Credential Profile 2.5 §3.1.2).
public struct ChipName: Equatable, Sendable {
    /// The vendor, as TPM_PT_MANUFACTURER gives it too.
    public let manufacturer: ManufacturerID
    /// The model, in the maker's words.
    public let model: String
    /// The firmware's version, `id:` and hexadecimal digits as a rule.
    public let version: String
}

extension ChipName {
    /// Takes the three attributes, each exactly once, from the directory names.
    init(_ certificate: Certificate) throws(EndorsementError) {
        guard let names = try? certificate.extensions.subjectAlternativeNames else { throw .namesNoChip }
        var found: [ASN1ObjectIdentifier: [String]] = [:]
        for case .directoryName(let name) in names {
            for attribute in name.flatMap({ Array($0) }) {
                guard let value = String(attribute.value) else { continue }
                found[attribute.type, default: []].append(value)
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

/// A TPM vendor's number (TCG Vendor ID Registry), four ASCII characters as a rule.
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

extension ASN1ObjectIdentifier {
    static let tpmManufacturer: ASN1ObjectIdentifier = [2, 23, 133, 2, 1]
    static let tpmModel: ASN1ObjectIdentifier = [2, 23, 133, 2, 2]
    static let tpmVersion: ASN1ObjectIdentifier = [2, 23, 133, 2, 3]
    /// tcg-kp-EKCertificate
    static let endorsementPurpose: ASN1ObjectIdentifier = [2, 23, 133, 8, 1]
}

/// The text with everything but printable ASCII replaced.
///
/// 1. An impostor puts escape sequences into a name. 2. The device shows the name. 3. The terminal shows "verified".
func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { (0x20...0x7E).contains($0.value) ? $0 : "?" }))
}
