import Crypto

/// One use that a limit key or an open key signs for: everything PolicySigned covers but the signature.
/// TPM 2.0 Part 3 §23.3: `aHash = H(nonceTPM || expiration || cpHashA || policyRef)`.
public struct SignedAct: Hashable, Sendable {
    /// The nonce of the session in which it will be used, 32 bytes.
    public let nonceTPM: [UInt8]
    /// The cpHash of exactly one command.
    public let cpHash: [UInt8]
    /// The reference of the key's use.
    public let reference: [UInt8]
    /// Seconds from the session's start after which the authorization ends.
    public static let expiration: Int32 = 120

    /// A write of a slot.
    public init(_ write: SlotProfile.Write, of slot: SlotProfile, nonceTPM: [UInt8]) throws(SessionError) {
        try DeviceSession.check(nonceTPM)
        self.nonceTPM = nonceTPM
        cpHash = slot.command(write).cpHash()
        reference = slot.authority.slotReference
    }

    /// The Unseal of a bundle.
    public init(openingBundle area: PublicArea, authority: AuthorityProfile, nonceTPM: [UInt8]) throws(SessionError) {
        try DeviceSession.check(nonceTPM)
        self.nonceTPM = nonceTPM
        cpHash = BundleProfile.command(area).cpHash()
        reference = authority.openReference
    }

    /// What ECDSA with SHA-256 covers.
    public var message: [UInt8] {
        nonceTPM + Writer.bytes { $0.integer(UInt32(bitPattern: Self.expiration)) } + cpHash + reference
    }

    /// Whether `signature` is this act's by `key`.
    public func isSigned(_ signature: Signature, by key: P256Point) -> Bool {
        guard let publicKey = try? P256.Signing.PublicKey(x963Representation: key.x963),
            let ecdsa = try? P256.Signing.ECDSASignature(rawRepresentation: signature.p1363)
        else { return false }
        return publicKey.isValidSignature(ecdsa, for: SHA256.hash(data: message))
    }
}
