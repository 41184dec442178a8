import OPRF
import Receipts
import Secrets
import TPM
import VaultAPI

/// Why the device's side did not finish: a closed list of reasons, and what it cost.
public struct VaultClientError: Error, Equatable, Sendable, CustomStringConvertible {
    public let reason: Reason
    /// Whether a guess was spent.
    public let guess: VaultFault.Guess

    public enum Reason: Equatable, Sendable {
        /// Not the address of a vault.
        case badAddress(String)
        /// Nobody answers at this address.
        case unreachable(String)
        /// What listens at this address could not prove its name; it was told nothing.
        case serverNotProven(String, String)
        /// The vault does not let this device speak for the account.
        case access(AccessFault)
        /// The connection ended or stayed silent before a reply came.
        case connectionLost
        /// What came is not a reply of the interface.
        case brokenReply(String)
        /// The vault answered with one of its errors.
        case fault(VaultFault)
        /// The vault is not one that this device trusts.
        case notTrusted(TrustRefusal)
        /// The vault's recipe is not one that this device follows.
        case recipe(RecipeFlaw)
        /// An answer in the device's session was not the chip's.
        case session(SessionError)
        /// The chip, or who answers for it, does not use the evaluation key, or does not count.
        case evaluationNotCounted
        /// An act outside the profile: a limit or a ceiling out of range, a key that cannot be used.
        case profile(ProfileError)
        /// A structure of the vault's that does not parse.
        case wire(WireError)
        case oprf(OPRFError)
        case argon2id(Argon2idError)
        /// The password is right, and what the vault keeps for it does not open or is another enrollment's.
        case bundle(BundleFlaw)
        /// The enrollment could not be made live, and everything that makes a guess checkable may have left the device.
        case exposed(limit: UInt32, by: Exposure)
        /// An earlier enrollment was never confirmed, so its password may have been tried `limit` times.
        case exposedBefore(limit: UInt32)
        /// The password brought other keys back than the ones looked for.
        case notTheKey
        /// The slot was burnt.
        case burnt
        /// The new password holds, and the old slot could not be burnt yet.
        indirect case oldSlotStays(Reason)
        /// No ceiling is left to give.
        case ceilingTooHigh
        /// No more older keys fit into the record.
        case tooManyOlderKeys
        /// The device keeps nothing that this needs for the account.
        case notOnThisDevice
        /// What the chip certified is not what a receipt must have.
        case receipt(ReceiptFlaw)
        /// The device's own files.
        case state(DeviceStateError)
        /// What happened at one of several vaults, by its address.
        indirect case at(String, Reason)
        /// It did not answer while the others did.
        case slow
        /// Its answer is not the one that its share gives.
        case falseAnswer
        /// Its answer is right, and its chip was not shown to have made it.
        case evaluationNotProven
        /// Two addresses lead to one vault.
        case sameVault(String, String)
        /// Fewer of the vaults than are needed can be asked, or serve the same recipe; `nil` where nobody said how many are.
        case tooFew(needed: Int?, [Fleet.Missing])
        /// The answers contradict each other: a vault lies or is broken, and the password was not judged.
        case notJudged([Fleet.Missing])
        /// The password is wrong, or one of the vaults lies: no more of them answered than are needed.
        case wrongOrLied(guessesLeft: UInt32)
        /// The enrollment holds, and these vaults do not have their share of it.
        case incomplete([Fleet.Missing])
        /// The guesses that the person allows cannot be shared out so.
        case guesses(GuessLimits.Refusal)
    }

    /// The reason itself, wherever it happened.
    public var plainReason: Reason {
        if case .at(_, let reason) = reason { VaultClientError(reason).plainReason } else { reason }
    }

    /// What kept an enrollment from being made live.
    public enum Exposure: Equatable, Sendable {
        /// No reply came; the enrollment may be live, and finishing it later is safe.
        case noReply
        /// The vault refused.
        case refused(VaultFault)
        /// The vault says that it is live and does not open the bundle.
        case notOpened
    }

    init(_ reason: Reason, _ guess: VaultFault.Guess = .notSpent) {
        self.reason = reason
        self.guess = guess
    }

    /// Something was done at fewer vaults than are needed; no guess was spent.
    public init(needed: Int, _ missing: [Fleet.Missing]) {
        self.init(.tooFew(needed: needed, missing))
    }

    /// The same error where an earlier step may have cost more.
    func costing(_ other: VaultFault.Guess) -> VaultClientError {
        VaultClientError(reason, guess.worse(other))
    }

    /// Whether the call may have reached the vault although no reply came.
    var mayHaveArrived: Bool {
        switch plainReason {
        case .connectionLost, .brokenReply: true
        default: false
        }
    }

    /// Whether the conversation cannot go on.
    var endsConversation: Bool {
        switch plainReason {
        case .unreachable, .connectionLost, .brokenReply: true
        default: false
        }
    }

    /// Whether doing the same again may help.
    var mayBeRepeated: Bool { endsConversation || reason == .fault(.sessionGone) || reason == .fault(.busy) }

    public var description: String {
        // What an exposure costs is its sentence.
        if case .exposed = plainReason { return reason.sentence }
        let cost =
            switch guess {
            case .notSpent: "No guess was spent."
            case .maybeSpent: "A guess may have been spent."
            case .spent: "A guess was spent."
            }
        return "\(reason.sentence) \(cost)"
    }
}

// Short forms.
extension VaultClientError {
    static let connectionLost = VaultClientError(.connectionLost)
    static func brokenReply(_ what: String) -> VaultClientError { VaultClientError(.brokenReply(what)) }
    static func fault(_ fault: VaultFault) -> VaultClientError { VaultClientError(.fault(fault), fault.guess) }
    static func notTrusted(_ refusal: TrustRefusal) -> VaultClientError { VaultClientError(.notTrusted(refusal)) }
}

extension VaultFault.Guess {
    /// The one of the two that costs more.
    func worse(_ other: VaultFault.Guess) -> VaultFault.Guess {
        self == .spent || other == .spent ? .spent : self == .maybeSpent ? self : other
    }
}

/// Runs `body` and gives its errors as the client's.
func mapping<R: ~Copyable, E: Error>(
    _ reason: (E) -> VaultClientError.Reason, _ body: () throws(E) -> R
) throws(VaultClientError) -> R {
    do throws(E) {
        return try body()
    } catch {
        throw VaultClientError(reason(error))
    }
}
