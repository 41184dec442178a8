import Crypto

/// A hash the profile uses, by its TPM_ALG_ID. TPM 2.0 Part 2 §6.3.
public enum HashAlgorithm: UInt16, Sendable, Equatable, CaseIterable {
    case sha256 = 0x000B
    case sha384 = 0x000C
    case sha512 = 0x000D

    /// The digest's size in bytes.
    public var size: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    /// The name as it stands in recipes: `sha256`, `sha384`, `sha512`.
    public var label: String { "sha\(size * 8)" }

    /// The hash with this label, if there is one.
    public init?(label: String) {
        guard let match = Self.allCases.first(where: { $0.label == label }) else { return nil }
        self = match
    }

    /// The hash whose digest has `size` bytes, if there is one.
    public init?(size: Int) {
        guard let match = Self.allCases.first(where: { $0.size == size }) else { return nil }
        self = match
    }

    /// The digest of the concatenation of `parts`.
    public func digest(_ parts: [UInt8]...) -> [UInt8] {
        func run<H: HashFunction>(_: H.Type) -> [UInt8] {
            var hash = H()
            for part in parts { hash.update(data: part) }
            return Array(hash.finalize())
        }
        return switch self {
        case .sha256: run(SHA256.self)
        case .sha384: run(SHA384.self)
        case .sha512: run(SHA512.self)
        }
    }
}
