import Foundation

/// A published attack that takes keys out of chips with certain firmware: `Data/tpm-firmware-flaws.json`.
public struct FirmwareFlaw: Hashable, Sendable {
    /// What it is known as: `TPM-FAIL`.
    public let name: String
    /// Its number: `CVE-2019-16863`.
    public let id: String
    /// The vendor whose chips have it (TCG Vendor ID Registry).
    public let vendorID: String
    /// What it gives whom, and what to do; parts of sentences.
    public let means: String
    public let advice: String
    /// Whether the version leaves it open that the flaw is mended.
    public let isUndecided: Bool
    /// Where the versions are from.
    public let sources: [String]
    private let versions: [ClosedVersions]

    /// One line for whoever looks.
    public var warning: String {
        "This TPM's firmware \(isUndecided ? "may have" : "has") the flaw \(name) (\(id)): \(means); \(advice)."
    }

    /// The whole table. One that cannot be read would warn of nothing, so that a test reads it.
    public static let known: [FirmwareFlaw] = {
        let data = Data(PackageResources.tpm_firmware_flaws_json)
        return ((try? JSONDecoder().decode(Table.self, from: data))?.flaws ?? []).map(FirmwareFlaw.init)
    }()

    /// Whether a chip has it, by vendor and the two words of its firmware's version.
    public func affects(_ manufacturer: ManufacturerID, firmware: [UInt32]) -> Bool {
        let numbers = firmware.flatMap { [$0 >> 16, $0 & 0xFFFF] }
        return manufacturer.vendor == vendorID && versions.contains { $0.contains(numbers) }
    }

    private init(_ entry: Table.Entry) {
        name = entry.name
        id = entry.id
        vendorID = entry.vendorID
        means = entry.means
        advice = entry.advice
        isUndecided = entry.undecided ?? false
        sources = entry.sources
        versions = entry.versions
    }

    private struct Table: Decodable {
        let flaws: [Entry]

        struct Entry: Decodable {
            let name: String
            let id: String
            let vendorID: String
            let means: String
            let advice: String
            let undecided: Bool?
            let sources: [String]
            let versions: [ClosedVersions]

            enum CodingKeys: String, CodingKey {
                case name, id, means, advice, undecided, sources, versions
                case vendorID = "vendor_id"
            }
        }
    }
}

/// Firmware versions from one through another, compared as far as each of the two is written out.
private struct ClosedVersions: Hashable, Decodable, Sendable {
    let from: [UInt32]
    let through: [UInt32]

    func contains(_ version: [UInt32]) -> Bool {
        !version.prefix(from.count).lexicographicallyPrecedes(from)
            && !through.lexicographicallyPrecedes(version.prefix(through.count))
    }

    enum CodingKeys: CodingKey { case from, through }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func numbers(_ key: CodingKeys) throws -> [UInt32] {
            let parts = try container.decode(String.self, forKey: key).split(separator: ".")
            let numbers = parts.compactMap { UInt32($0) }
            guard numbers.count == parts.count, !numbers.isEmpty else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "no version")
            }
            return numbers
        }
        from = try numbers(.from)
        through = try numbers(.through)
    }
}
