import Endorsement
import TPM

/// Why an evidence file is not believed: then nothing that stands in it is.
public enum EvidenceFlaw: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is something else.
    case notEvidence
    /// The file is of a later version.
    case laterVersion
    /// It was cut or altered: it is not what this program writes for the same facts.
    case malformed
    /// It is larger than any vault's.
    case tooLarge
    /// The endorsement key is not one that chips are made with, or the attestation key is not the profile's.
    case keys
    case certificate(EndorsementError)
    case certifiesAnotherKey
    /// A signature is not the attestation key's, or over something else.
    case signature(String)
    /// The chip certified another index than the one that is shown.
    case otherIndex(String)
    /// It is of another chip than the one that the auditor named; its endorsement Name.
    case otherChip(String)
    /// There is no slot, so the chip signed nothing.
    case unsealed
    /// The challenge is another chip's or key's, or its answer is wrong.
    case answer
    /// The chip cannot open the challenge.
    case foreignChallenge
    /// It does not answer the auditor's challenge.
    case otherChallenge
    /// There is no challenge, so nothing shows that the key is on the chip, or that the file is not an old one.
    case unbound

    public var description: String {
        switch self {
        case .notEvidence: "Not verified: this is no evidence; give a file that `tenpin-vault evidence` wrote."
        case .laterVersion: "Not verified: the file was written by a later version; use that one's tenpin-audit."
        case .malformed: "Not verified: the file was cut or altered; ask for new evidence."
        case .tooLarge: "Not verified: the file is larger than any vault's evidence."
        case .keys: "Not verified: the file shows keys that no chip of a vault has; do not believe it."
        case .certificate(let error): "Not verified: the file shows \(error.found); ask for the right certificates."
        case .certifiesAnotherKey:
            "Not verified: the endorsement certificate is another chip's; do not believe the file."
        case .signature(let what): "Not verified: \(what) was altered, or is not this chip's; ask for new evidence."
        case .otherIndex(let what):
            "Not verified: the chip certified something else than \(what); do not believe the file."
        case .otherChip(let name): "Not verified: the file is of the chip \(name), and not of the one you named."
        case .unsealed:
            "The vault has no slot that its chip could certify, so there is nothing to show yet; enroll an account first."
        case .answer: "Not verified: the answer to the file's challenge is wrong; do not believe it."
        case .foreignChallenge:
            "The challenge is for another chip; ask the auditor for one that was made from this vault's evidence."
        case .otherChallenge:
            "Not verified: the file does not answer your challenge, it is an older one or somebody else's; ask for one"
                + " made with yours."
        case .unbound:
            "Not verified: nothing shows yet that the signing key is on this chip, and anyone can make such a key; make a"
                + " challenge with `tenpin-audit challenge` and ask for evidence that answers it."
        }
    }
}
