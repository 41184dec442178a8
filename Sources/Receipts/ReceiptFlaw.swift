import Endorsement
import TPM

/// Why a receipt is not believed.
public enum ReceiptFlaw: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is something else.
    case notAReceipt, notAChallenge
    /// The file is of a later version.
    case laterVersion
    /// The receipt was cut or altered.
    case malformed(WireError)
    /// The challenge was.
    case malformedChallenge(WireError)
    /// The endorsement key is not one that chips are made with.
    case endorsementKey
    case certificate(EndorsementError)
    case certifiesAnotherKey
    /// The signature is not the attestation key's.
    case signature
    /// What was signed is no certificate of an NV index.
    case attest(WireError)
    /// The signer is not a primary key of the endorsement hierarchy with the profile's template.
    case otherSigner
    /// The chip signed over another statement.
    case otherStatement
    /// Limit key, handle or hash are not a slot's.
    case profile(ProfileError)
    /// The certified index is not the slot.
    case otherIndex
    /// The certificate does not show count and ceiling.
    case contents
    /// The recipe is another slot's.
    case recipe
    /// The challenge is another chip's or key's, or its answer is wrong.
    case answer
    /// It does not answer the checker's challenge.
    case otherChallenge
    /// Nothing shows that the attestation key is on this chip.
    case unbound
    /// The firmware version is not the one that the chip proved.
    case firmware

    public var description: String {
        switch self {
        case .notAReceipt: "This is not a receipt; give a file that `tenpin receipt` wrote."
        case .notAChallenge:
            "This is not a challenge; make one with `tenpin verify-receipt --new-challenge` or `tenpin-audit challenge`."
        case .laterVersion: "The file was written by a later version; use that."
        case .malformed(let error): "The receipt was cut or altered: \(error)."
        case .malformedChallenge(let error): "The challenge was cut or altered: \(error)."
        case .endorsementKey: "The receipt shows an endorsement key that no chip is made with; do not believe it."
        case .certificate(let error):
            "The receipt's endorsement certificate is not believed: " + Self.lowercased(error.description)
        case .certifiesAnotherKey: "The receipt's endorsement certificate is another chip's; do not believe it."
        case .signature: "The receipt's signature is wrong: it was altered, or is not a chip's."
        case .attest(let error): "What the receipt's key signed is no certificate of a slot: \(error)."
        case .otherSigner: "The receipt was signed by another key than the one it shows; do not believe it."
        case .otherStatement: "The receipt was altered: the chip signed over another statement."
        case .profile(let error): "The receipt is for something that is no slot: \(error)."
        case .otherIndex: "The chip certified something else than the slot; do not believe the receipt."
        case .contents: "The receipt does not show count and ceiling; do not believe it."
        case .recipe: "The receipt's recipe is for another slot; do not believe it."
        case .answer: "The receipt's challenge is not answered rightly; do not believe it."
        case .otherChallenge:
            "The receipt does not answer your challenge: it is an older one, or answers somebody else's; ask for one"
                + " made with yours."
        case .unbound:
            "Nothing shows yet that the receipt's key is on this chip, and anyone can make such a key; make a challenge"
                + " with --new-challenge and ask for a receipt that answers it."
        case .firmware: "The receipt's firmware version is not the one that the chip proved; do not believe it."
        }
    }

    private static func lowercased(_ sentence: String) -> String {
        let text = sentence.replacing("; no guess was spent", with: "").replacing(", no guess was spent", with: "")
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
