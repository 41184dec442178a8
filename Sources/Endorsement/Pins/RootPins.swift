import Foundation

/// The roots of TPM makers, by SHA-256, and which makers' chips each may vouch for.
public struct RootPins: Hashable, Sendable {
    /// One pinned root.
    public struct Root: Hashable, Sendable {
        /// SHA-256 of the DER certificate, 32 bytes.
        public let fingerprint: [UInt8]
        /// The vendors (TCG Vendor ID Registry: `IFX`, `STM`) whose chips it may vouch for. An authority of one maker has no
        /// say about another's.
        public let vendorIDs: [String]
        /// The maker and the root in words, printable ASCII.
        public let vendor: String
        public let name: String
        /// Where the certificate is published, where that is known.
        public let url: String?
        /// `built in`, or the file that added it.
        public let source: String

        /// Whether it may vouch for chips of this vendor.
        public func vouches(for manufacturer: ManufacturerID) -> Bool { vendorIDs.contains(manufacturer.vendor) }
    }

    public private(set) var roots: [Root]

    init(_ roots: [Root]) { self.roots = roots }

    /// No root at all.
    public static let none = RootPins([])

    /// What the product carries: `Data/tpm-manufacturer-roots.json`. A list that cannot be read trusts nobody.
    public static let builtIn: RootPins = {
        let data = Data(PackageResources.tpm_manufacturer_roots_json)
        guard let list = try? JSONDecoder().decode(BuiltIn.self, from: data) else { return .none }
        return RootPins(
            list.roots.compactMap { root in
                guard let fingerprint = [UInt8](fingerprint: root.sha256) else { return nil }
                return Root(
                    fingerprint: fingerprint, vendorIDs: [root.vendorID], vendor: printable(root.vendor),
                    name: printable(root.name), url: root.url, source: "built in")
            })
    }()

    /// The pinned root with this fingerprint.
    public func root(_ fingerprint: [UInt8]) -> Root? { roots.first { $0.fingerprint == fingerprint } }

    /// Restricts and extends, in this order.
    public mutating func apply(_ file: RootsFile) {
        if let only = file.only {
            roots = roots.filter { root in
                only.contains { entry in
                    switch entry {
                    case .fingerprint(let fingerprint): root.fingerprint == fingerprint
                    case .vendor(let id): root.vendorIDs.contains(id)
                    }
                }
            }
        }
        for added in file.added {
            roots.removeAll { $0.fingerprint == added.fingerprint }
            roots.append(added)
        }
    }

    private struct BuiltIn: Decodable {
        let roots: [Entry]

        struct Entry: Decodable {
            let vendorID: String
            let vendor: String
            let name: String
            let url: String
            let sha256: String

            enum CodingKeys: String, CodingKey {
                case vendorID = "vendor_id"
                case vendor, name, url, sha256
            }
        }
    }
}

extension [UInt8] {
    /// Reads 64 hexadecimal digits.
    init?(fingerprint text: String) {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard text.utf8.count == 64, digits.count == 64 else { return nil }
        self = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
