import Secrets

/// One secret with several owners, for lists and optionals that cannot hold a move-only value. It never changes, and is
/// wiped when its last owner lets go.
public final class SharedSecret: Sendable {
    public let bytes: SecretBytes

    public init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
}

/// A backup key of one generation.
public struct GenerationKey: Sendable {
    /// Counts the person's backup keys from 1.
    public let generation: UInt32
    /// 32 bytes.
    public let key: SharedSecret

    public init(generation: UInt32, key: SharedSecret) {
        self.generation = generation
        self.key = key
    }
}
