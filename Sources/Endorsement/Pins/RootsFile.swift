import Foundation

/// A file with which a person restricts and extends the pinned roots:
///
///     {"only": ["IFX", "cfeb02fe…"],
///      "add": [{"sha256": "…", "vendor_ids": ["NTC"], "vendor": "Nuvoton", "name": "Nuvoton TPM Root CA 2111"}]}
///
/// `only` names what stays of the built-in ones, by vendor or by SHA-256; an empty list leaves none.
public struct RootsFile: Hashable, Sendable {
    /// What stays; `nil` leaves everything.
    let only: [Restriction]?
    let added: [RootPins.Root]

    enum Restriction: Hashable, Sendable {
        case vendor(String)
        case fingerprint([UInt8])
    }

    /// The most bytes of a file that are read.
    public static let maximumBytes = 1 << 20

    /// Reads it; `path` is shown as the roots' source. A misspelt key is refused: it would leave a restriction out.
    public init(_ contents: [UInt8], path: String) throws(RootsFileError) {
        let file: Decoded
        do {
            guard contents.count <= Self.maximumBytes else { throw RootsFileError.unreadable(path) }
            file = try JSONDecoder().decode(Decoded.self, from: Data(contents))
        } catch DecodingError.dataCorrupted(let context) where context.codingPath.last != nil {
            throw .entry(path, context.codingPath.map(\.stringValue).joined(separator: "."))
        } catch {
            throw .unreadable(path)
        }
        var only: [Restriction]? = file.only == nil ? nil : []
        for text in file.only ?? [] {
            if let fingerprint = [UInt8](fingerprint: text) {
                only?.append(.fingerprint(fingerprint))
            } else if Self.isVendor(text) {
                only?.append(.vendor(text))
            } else {
                throw .entry(path, printable(text))
            }
        }
        var added: [RootPins.Root] = []
        for entry in file.add ?? [] {
            guard let fingerprint = [UInt8](fingerprint: entry.sha256) else {
                throw .entry(path, printable(entry.sha256))
            }
            guard !entry.vendor_ids.isEmpty, entry.vendor_ids.allSatisfy(Self.isVendor) else {
                throw .entry(path, printable(entry.vendor_ids.joined(separator: ", ")))
            }
            added.append(
                RootPins.Root(
                    fingerprint: fingerprint, vendorIDs: entry.vendor_ids,
                    vendor: printable(entry.vendor ?? entry.vendor_ids.joined(separator: ", ")),
                    name: printable(entry.name), url: entry.url, source: path))
        }
        self.only = only
        self.added = added
    }

    /// One to four printable characters, none of them a space.
    private static func isVendor(_ text: String) -> Bool {
        (1...4).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private struct Decoded: Decodable {
        let only: [String]?
        let add: [Entry]?

        init(from decoder: any Decoder) throws {
            try decoder.allow(["only", "add", "about"])
            let container = try decoder.container(keyedBy: AnyKey.self)
            only = try container.decodeIfPresent([String].self, forKey: AnyKey("only"))
            add = try container.decodeIfPresent([Entry].self, forKey: AnyKey("add"))
        }
    }

    private struct Entry: Decodable {
        let sha256: String
        let vendor_ids: [String]
        let name: String
        let vendor: String?
        let url: String?

        init(from decoder: any Decoder) throws {
            try decoder.allow(["sha256", "vendor_ids", "name", "vendor", "url"])
            let container = try decoder.container(keyedBy: AnyKey.self)
            sha256 = try container.decode(String.self, forKey: AnyKey("sha256"))
            vendor_ids = try container.decode([String].self, forKey: AnyKey("vendor_ids"))
            name = try container.decode(String.self, forKey: AnyKey("name"))
            vendor = try container.decodeIfPresent(String.self, forKey: AnyKey("vendor"))
            url = try container.decodeIfPresent(String.self, forKey: AnyKey("url"))
        }
    }
}

/// Why a roots file is not followed. Nothing was asked of any vault.
public enum RootsFileError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(String)
    /// An entry that is not what it should be, or a key that nobody knows.
    case entry(String, String)

    public var description: String {
        switch self {
        case .unreadable(let path):
            "The roots file \(path) is not JSON with \"only\" and \"add\"; see `tenpin trust roots --help`."
        case .entry(let path, let entry):
            "The roots file \(path) has an entry that means nothing here (\(entry)); see `tenpin trust roots --help`."
        }
    }
}

private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension Decoder {
    /// Refuses keys that are not in the list.
    fileprivate func allow(_ known: Set<String>) throws {
        let container = try container(keyedBy: AnyKey.self)
        for key in container.allKeys where !known.contains(key.stringValue) {
            throw DecodingError.dataCorrupted(
                .init(codingPath: codingPath + [AnyKey(printable(key.stringValue))], debugDescription: "unknown"))
        }
    }
}
