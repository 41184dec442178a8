import Crypto
import Secrets
import TPM
import TPMDevice

/// The slot, keys and bundle that a self-test makes and takes away again.
///
/// All its keys are known to everyone: nothing is ever protected by them, and so every later run can tell bit for bit
/// what one that was killed has left on a chip.
struct Throwaway {
    /// Handles that neither an account's slot nor a slot that counts capacity ever gets.
    enum Place: UInt32, CaseIterable {
        /// Gone when the test ends.
        case test = 0x01BF_FF00
        /// Kept across a restart, from `--before-reboot` to `--after-reboot`.
        case reboot = 0x01BF_FF01
    }

    let slot: SlotProfile
    let authority: AuthorityProfile
    let limitKey: P256.Signing.PrivateKey
    let openKey: P256.Signing.PrivateKey
    /// The evaluation key's private half, for swift-crypto.
    let scalar: P256.KeyAgreement.PrivateKey

    /// The throwaway of a chip whose largest digest has this many bytes.
    init(_ place: Place, largestDigest: Int) throws(ProfileError) {
        // Any Name does in the place of the endorsement key's: the references have the same size.
        let authority = try AuthorityProfile(largestDigest: largestDigest, endorsementName: Name(.null))
        self.authority = authority
        limitKey = try Self.signingKey("limit", authority)
        openKey = try Self.signingKey("open", authority)
        scalar = try Self.first("evaluation") { (bytes) throws(ProfileError) in
            guard let key = try? P256.KeyAgreement.PrivateKey(rawRepresentation: bytes) else { throw .unusableKey }
            return key
        }
        slot = try SlotProfile(
            handle: Handle(place.rawValue), authority: authority, limitKey: P256Point(limitKey.publicKey))
    }

    private static func signingKey(
        _ label: String, _ authority: AuthorityProfile
    ) throws(ProfileError) -> P256.Signing.PrivateKey {
        try first(label) { (bytes) throws(ProfileError) in
            guard let key = try? P256.Signing.PrivateKey(rawRepresentation: bytes) else { throw .unusableKey }
            _ = try authority.name(of: P256Point(key.publicKey))
            return key
        }
    }

    /// What comes of the first counter whose digest is a key of the profile.
    private static func first<Key>(
        _ label: String, _ make: ([UInt8]) throws(ProfileError) -> Key
    ) throws(ProfileError) -> Key {
        for counter in UInt8.min...UInt8.max {
            let digest = HashAlgorithm.sha256.digest(Array("tenpin.selftest \(label) key".utf8), [counter])
            if let key = try? make(digest) { return key }
        }
        throw .unusableKey
    }

    // MARK: what is made of them

    /// The evaluation key, as a device would seal it.
    var evaluationArea: PublicArea {
        get throws(WireError) {
            let raw = Array(scalar.publicKey.rawRepresentation)
            return EvaluationKeyProfile.publicArea(
                try P256Point(x: Array(raw.prefix(32)), y: Array(raw.suffix(32))), slot: slot)
        }
    }

    /// Its secret part.
    var evaluationSecret: SecretBytes {
        var raw = Array(scalar.rawRepresentation)
        return SecretBytes(wiping: &raw)
    }

    /// What lies in the bundle, and the seed that blinds it.
    let bundleContent = [UInt8](repeating: 0x5A, count: BundleProfile.size)
    let bundleSeed = [UInt8](repeating: 0xA5, count: 32)

    /// The bundle's public area.
    var bundleArea: PublicArea {
        get throws(ProfileError) {
            try BundleProfile.publicArea(
                openKey: P256Point(openKey.publicKey), authority: authority,
                unique: HashAlgorithm.sha256.digest(bundleSeed, bundleContent))
        }
    }

    /// The slot as a careless owner would define it: writable by the owner.
    var ownerWritable: NVPublic {
        var area = slot.publicArea(written: false)
        area.attributes.insert(.ownerWrite)
        return area
    }

    /// Whether an index is one that a self-test made at this place, bit for bit.
    func made(_ area: NVPublic) -> Bool {
        var unwritten = area
        unwritten.attributes.remove(.written)
        return unwritten == slot.publicArea(written: false) || unwritten == ownerWritable
    }

    /// Takes away what self-tests have left at these places.
    static func clear(_ places: [Place], on chip: Chip) throws(ChipError) {
        for place in places where try chip.isDefined(Handle(place.rawValue)) {
            // An index that does not even parse is somebody else's.
            guard let area = try chip.knownIndex(at: Handle(place.rawValue)) else { continue }
            // A firmware update may have added a larger hash since.
            let isOurs = [48, 64].contains { size in
                (try? Throwaway(place, largestDigest: size))?.made(area) == true
            }
            if isOurs { try chip.run(.nvUndefineSpace(.init(area.index, area.name)), authorizedBy: chip.owner) }
        }
    }
}
