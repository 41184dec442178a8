import Endorsement
import TPM

/// A vault that this device trusts: what it proved, and nothing that it merely says.
public struct TrustedVault: Equatable, Sendable {
    /// The key that every session of this device is salted to.
    public let endorsementKey: PublicArea
    public let endorsementName: Name
    /// The key that this device seals to; proven in a session.
    public let parent: PublicArea
    /// From the chip's largest digest; proven in a session.
    public let authority: AuthorityProfile
    /// Maker and firmware; proven in a session.
    public let chip: ChipFacts
    /// What its certificate says.
    public let certificate: VerifiedEndorsement
    /// Why the chip is held to be emulated; empty for a real one.
    public let emulation: [EmulationSign]
    /// Whether the person confirmed it just now: to be pinned by the caller.
    public let isNew: Bool
    /// The pinned root of its maker that vouches for it; `nil` where only an authority of the person's own does.
    public var pinnedRoot: RootPins.Root?

    public var isEmulated: Bool { !emulation.isEmpty }

    /// What kind of thing holds the keys. Proven by the certificate of a pinned root, or else unknown: an authority of the
    /// person's own may certify as anybody's chip whatever it likes.
    public var tier: TrustTier {
        if isEmulated { return .emulated }
        return pinnedRoot == nil ? .unknown : chip.identity(certificate).claimedTier
    }

    /// Published attacks on its firmware, by the version that it proved.
    public var flaws: [FirmwareFlaw] {
        FirmwareFlaw.known.filter { $0.affects(chip.manufacturerID, firmware: chip.firmware) }
    }

    /// The chip's identity as a person compares it.
    public var fingerprint: String { endorsementName.fingerprint }
}

extension Name {
    /// The Name's hexadecimal digits in groups of eight: the same ones that the vault and tpm2-tools show.
    public var fingerprint: String {
        let digits = Array(description)
        return stride(from: 0, to: digits.count, by: 8)
            .map { String(digits[$0..<min($0 + 8, digits.count)]) }.joined(separator: " ")
    }
}

/// Why a vault is not trusted. No guess was spent, and nothing was signed.
public enum TrustRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// It speaks another suite.
    case suite(String)
    /// The endorsement key is of no kind that a session can be salted to.
    case endorsementKey
    /// The endorsement key is not what chips are made with.
    case template(TemplateDifference)
    /// Another vault than the pinned one answers at this address.
    case changed(address: String, pinned: [Name], shown: Name)
    /// Not the Name that was given beforehand.
    case notTheNamed(expected: Name, shown: Name)
    /// The person did not confirm it.
    case notConfirmed(Name)
    /// The certificate does not verify.
    case certificate(EndorsementError)
    /// The certificate is another key's.
    case certifiesAnotherKey
    /// The certificate names another maker than the chip itself does.
    case anotherMaker(certificate: String, chip: String)
    case emulated([EmulationSign])
    /// The chip makes another parent than the profile's.
    case parent
    /// The chip makes another attestation key than the profile's.
    case attestationKey
    /// The chip answered another question than the one asked.
    case capability
    case largestDigest(ProfileError)

    public var description: String {
        switch self {
        case .suite(let suite): "The vault speaks \(printable(suite)) and not tenpin-1; use matching versions."
        case .endorsementKey:
            "The vault shows an endorsement key of a kind that cannot be used (RSA of 2048 to 4096 bits, P-256 and P-384 can)."
        case .template(let difference):
            "The vault shows an endorsement key that no chip is made with: \(difference); do not use it."
        case .changed(let address, let pinned, let shown):
            "ANOTHER VAULT ANSWERS at \(printable(address)): pinned is "
                + pinned.map(\.fingerprint).joined(separator: ", ") + " and it shows \(shown.fingerprint);"
                + " someone may be trying to get your password, so ask the operator"
                + " before you remove the pin with `tenpin trust`."
        case .notTheNamed(let expected, let shown):
            "The vault shows \(shown.fingerprint) and you named \(expected.fingerprint); check address and fingerprint."
        case .notConfirmed(let shown):
            "The vault \(shown.fingerprint) is not pinned on this device; compare the fingerprint with its operator's"
                + " and pin it with `tenpin trust`."
        case .certificate(let error): withoutCost(error.description)
        case .certifiesAnotherKey:
            "The vault's endorsement certificate is another chip's; do not use it."
        case .anotherMaker(let certificate, let chip):
            "The vault's certificate names a chip of \(certificate) and the chip says that it is \(chip)'s; do not use it."
        case .emulated(let signs):
            "The vault's TPM is emulated (\(signs.map(\.description).joined(separator: "; "))), so its host can copy"
                + " its state and guess without limit; for a trial, allow it with --allow-emulated."
        case .attestationKey:
            "The vault's chip does not make the attestation key that it should; do not use its receipts."
        case .parent: "The vault's chip does not make the parent key that it should; do not use it."
        case .capability: "The vault's chip answered another question than it was asked; do not use it."
        case .largestDigest(let error): "The vault cannot be used: \(error)."
        }
    }
}
