import VaultAPI

/// What the backup at hand pins of its enrollment: a vault that serves anything else is refused before a guess is spent.
public struct PinnedRecipe: Hashable, Sendable {
    /// The recipe's hash: 32 bytes.
    public var hash: [UInt8]
    /// The confirmation: 32 bytes. Not in the backup of a device that did not know it; then an impostor has one online guess.
    public var confirmation: [UInt8]?

    public init(hash: [UInt8], confirmation: [UInt8]?) {
        self.hash = hash
        self.confirmation = confirmation
    }

    /// Whether these are the ones.
    func allows(_ recipe: Recipe, confirmation served: Bytes) -> Bool {
        recipe.hash == hash && (confirmation.map { $0 == served.bytes } ?? true)
    }
}
