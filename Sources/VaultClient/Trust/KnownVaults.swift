import Foundation
import Secrets
import TPM

/// The vaults that this device pinned, as ssh's known hosts.
public struct KnownVaults: Hashable, Sendable {
    /// One pinned vault; a line of the file.
    public struct Entry: Hashable, Sendable {
        public let name: Name
        /// Where it was seen last.
        public var address: String
        /// When it was pinned, as 2025-01-31.
        public var date: String
        public var comment: String

        public init(name: Name, address: String, date: String, comment: String = "") {
            self.name = name
            self.address = address
            self.date = date
            self.comment = comment
        }
    }

    public private(set) var entries: [Entry]

    public init(_ entries: [Entry] = []) { self.entries = entries }

    /// How a Name stands at an address.
    enum Standing: Equatable {
        case pinned
        case unknown
        /// Other vaults are pinned for the address.
        case changed([Name])
    }

    func standing(of name: Name, at address: String) -> Standing {
        let here = entries.filter { $0.address == address }
        if here.contains(where: { $0.name == name }) { return .pinned }
        // The attack: another vault, pinned for another purpose even, takes the place of the one at this address.
        guard here.isEmpty else { return .changed(here.map(\.name)) }
        return entries.contains { $0.name == name } ? .pinned : .unknown
    }

    /// Pins a vault, or notes its new address.
    public mutating func pin(_ entry: Entry) {
        entries.removeAll { $0.name == entry.name }
        entries.append(entry)
    }

    /// Removes the pins of a Name; says whether there were any.
    public mutating func remove(_ name: Name) -> Bool {
        let before = entries.count
        entries.removeAll { $0.name == name }
        return entries.count < before
    }
}

extension KnownVaults {
    /// Reads the file; none is an empty list.
    public init(home: DeviceHome) throws(DeviceStateError) {
        let path = home.knownVaultsPath
        let contents = try PrivateFile.read(path, limit: 1 << 20)
        try self.init(parsing: String(decoding: contents?.published ?? [], as: UTF8.self), path: path)
    }

    /// Changes the file, with no other process between reading and writing.
    public static func update(
        in home: DeviceHome, _ body: (inout KnownVaults) -> Void
    ) throws(DeviceStateError) {
        try PrivateFile.makeFolder(home.path)
        let lock = try FolderLock(home.path)
        var known = try KnownVaults(home: home)
        body(&known)
        try PrivateFile.write(
            SecretBytes(copying: Array(known.text.utf8).span), to: "known-vaults", in: home.path)
        _ = consume lock
    }

    /// Name, address, date, comment; comments begin with #.
    init(parsing text: String, path: String) throws(DeviceStateError) {
        entries = []
        // Scalar by scalar: CR LF, or LF with a combining mark, is one character to Swift and no line end, and the next
        // line's pin would be read as a comment.
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            guard let first = line.first, first != "#" else { continue }
            let fields = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map { String($0) }
            guard !line.contains(where: Self.isControl), fields.count >= 3, let name = Name(digits: fields[0]),
                let address = fields[1].removingPercentEncoding, !address.isEmpty
            else { throw .badLine(path, index + 1) }
            entries.append(
                Entry(name: name, address: address, date: fields[2], comment: fields.count > 3 ? fields[3] : ""))
        }
    }

    var text: String {
        "# The vaults that tenpin trusts on this device: endorsement Name, address, date, comment.\n"
            + entries.map { entry in
                let address = entry.address.addingPercentEncoding(withAllowedCharacters: Self.plain) ?? ""
                let comment = String(entry.comment.unicodeScalars.filter { !Self.isControl($0) })
                return "\(entry.name) \(address) \(entry.date)" + (comment.isEmpty ? "" : " \(comment)") + "\n"
            }.joined()
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control }

    private static let plain = CharacterSet(
        charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:._-@+,=~")
}

extension Name {
    /// Reads hexadecimal digits, with or without the spaces of a fingerprint.
    public init?(digits text: String) {
        let digits = Array(text.utf8.filter { $0 != UInt8(ascii: " ") })
        guard digits.count.isMultiple(of: 2), digits.count <= 132 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard digits[index] != UInt8(ascii: "+"), digits[index] != UInt8(ascii: "-"),
                let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(byte)
        }
        guard let name = try? Name(parsing: bytes) else { return nil }
        self = name
    }
}
