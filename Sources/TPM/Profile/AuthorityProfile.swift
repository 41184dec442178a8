/// The keys whose signatures a chip asks for: limit key and open key, and the references they sign under.
public struct AuthorityProfile: Hashable, Sendable {
    /// The chip's largest hash. These sizes are load-bearing: reference and Name together must exceed twice the chip's
    /// largest digest, so no smaller hash is ever used here.
    public let hash: HashAlgorithm
    /// Signed with the limit key for a slot of the chip with this endorsement Name.
    public let slotReference: [UInt8]
    /// Signed with the open key for a bundle of that chip.
    public let openReference: [UInt8]

    /// The profile for a chip whose TPM_PT_MAX_DIGEST is `largestDigest` bytes; 32 is refused.
    public init(largestDigest: Int, endorsementName: Name) throws(ProfileError) {
        guard let hash = HashAlgorithm(size: largestDigest), hash != .sha256 else {
            throw .largestDigest(largestDigest)
        }
        self.hash = hash
        slotReference = hash.digest(Array("tenpin.slot".utf8), endorsementName.bytes)
        openReference = hash.digest(Array("tenpin.open".utf8), endorsementName.bytes)
    }

    /// The public area under which the chip sees a limit or open key.
    public func publicArea(_ key: P256Point) -> PublicArea {
        PublicArea(
            nameAlgorithm: hash, attributes: [.sign, .userWithAuth], authPolicy: [],
            body: .ecc(curve: .p256, symmetric: nil, scheme: .null, x: key.x, y: key.y))
    }

    /// The Name of such a key, unless its last 8 bytes are below 2^48: such a key is not used.
    public func name(of key: P256Point) throws(ProfileError) -> Name {
        let name = publicArea(key).name
        guard name.bytes.suffix(8).prefix(2).contains(where: { $0 != 0 }) else { throw .unusableKey }
        return name
    }
}

/// What the profile refuses.
public enum ProfileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The chip's largest hash has this many bytes; 48 or 64 are needed.
    case largestDigest(Int)
    /// The key's Name is one of the 1 in 65,536 that are not used; derive the next.
    case unusableKey
    /// The handle is outside the range of slots.
    case slotHandle(Handle)
    /// The limit is not in 1...1000.
    case limit(UInt32)

    public var description: String {
        switch self {
        case .largestDigest(let size):
            "the chip's largest hash has \(size) bytes, and Tenpin needs a chip with SHA-384 or SHA-512"
        case .unusableKey: "a signing key's Name is one of the few that are not used"
        case .slotHandle(let handle): "\(handle) is not a handle of the range for slots"
        case .limit(let limit): "a limit of \(limit) guesses is not between 1 and 1000"
        }
    }
}
