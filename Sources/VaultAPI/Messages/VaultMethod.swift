// The messages of org.tenpin.Vault: for each method the parameters it takes and the ones it answers.
// Structures are TPM-marshalled (TPM 2.0 Part 2), points are SEC 1 compressed unless a structure holds them.

/// A method of the interface: its parameters, what it answers, and its name.
public protocol VaultMethod: Codable, Sendable {
    associatedtype Reply: Codable & Sendable
    static var name: String { get }
    /// Whether every byte string has a size that the profile allows.
    var hasProfileSizes: Bool { get }
    /// The account that the call is for, if it names one.
    var onBehalfOf: Account? { get }
}

/// The reply that says only that it was done.
public struct Done: Codable, Hashable, Sendable {
    public init() {}
}
