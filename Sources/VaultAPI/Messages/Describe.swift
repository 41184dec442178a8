/// Who the vault says it is; nothing here is believed before a device session proved it.
public struct Describe: VaultMethod {
    public static let name = "Describe"
    public init() {}

    public struct Reply: Codable, Hashable, Sendable {
        public var suite: String
        /// TPM2B_PUBLIC of the endorsement key.
        public var endorsementKey: Bytes
        /// The endorsement certificate, DER.
        public var certificate: Bytes
        /// Further certificates towards the root, DER.
        public var intermediates: [Bytes]
        /// TPM2B_PUBLIC of the parent.
        public var parent: Bytes
        /// How many more accounts the chip has room for, where that was measured.
        public var freeSlots: Int?
        /// Whether the vault says that its chip is emulated.
        public var emulated: Bool

        public init(
            suite: String, endorsementKey: Bytes, certificate: Bytes, intermediates: [Bytes], parent: Bytes,
            freeSlots: Int?, emulated: Bool
        ) {
            self.suite = suite
            self.endorsementKey = endorsementKey
            self.certificate = certificate
            self.intermediates = intermediates
            self.parent = parent
            self.freeSlots = freeSlots
            self.emulated = emulated
        }
    }
}
