/// The errors of org.tenpin.Vault: a closed list. Each says whether a guess was spent and what to do next.
public enum VaultFault: String, Error, Codable, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// The account has no live enrollment here.
    case unknownAccount = "UnknownAccount"
    /// The enrollment is not the account's, or not in the state this needs.
    case wrongEnrollment = "WrongEnrollment"
    /// The account is live already and `replaces` does not name its enrollment.
    case accountExists = "AccountExists"
    /// Another connection is enrolling this account just now, or this one has four enrollments under way.
    case enrollmentUnderWay = "EnrollmentUnderWay"
    /// Too many calls for the account wait already; this one was not begun. Try again after a second.
    case busy = "Busy"
    /// The chip has no room for another slot.
    case full = "Full"
    /// A structure is not exactly what the profile says.
    case notTheProfile = "NotTheProfile"
    /// A point is not a compressed P-256 point other than the identity.
    case notAPoint = "NotAPoint"
    /// The chip refused: the slot is at its ceiling. No guess is left to spend.
    case lockedOut = "LockedOut"
    /// The account had its evaluations and slot writes for today.
    case tooManyToday = "TooManyToday"
    /// The session is unknown, used up, or was ended to make room.
    case sessionGone = "SessionGone"
    /// The chip refused the signature, the HMAC or what they cover.
    case refusedByChip = "RefusedByChip"
    /// The slot is not burnt.
    case notBurnt = "NotBurnt"
    /// The account's slot is not on the chip any more.
    case slotGone = "SlotGone"
    /// The chip does not answer, or answers with an error of its own.
    case chipUnavailable = "ChipUnavailable"
    /// As above, and a guess may have been spent before the chip failed.
    case chipFailedAfterSpending = "ChipFailedAfterSpending"
    /// The store cannot be written.
    case storeUnavailable = "StoreUnavailable"

    /// Whether the call spent a guess.
    public var guess: Guess {
        switch self {
        case .chipFailedAfterSpending: .maybeSpent
        default: .notSpent
        }
    }

    /// What failed cost: a call never more than `maybeSpent`, a whole recovery also `spent`.
    public enum Guess: String, Codable, Sendable { case notSpent, maybeSpent, spent }

    /// One sentence for a person, and what the call cost.
    public var description: String {
        switch guess {
        case .notSpent: sentence + " No guess was spent."
        case .maybeSpent: sentence + " A guess may have been spent."
        case .spent: sentence + " A guess was spent."
        }
    }

    /// What happened and what to do, without what it cost.
    public var sentence: String {
        switch self {
        case .unknownAccount: "The vault keeps nothing for this account; check the account's name, or enroll."
        case .wrongEnrollment: "The vault has another enrollment for this account; look it up again."
        case .accountExists:
            "The account is enrolled already; recover it, change its password, or enroll with --replace."
        case .enrollmentUnderWay: "Another enrollment is under way; wait until it has ended."
        case .busy: "Too many calls for this account are waiting; try again in a second."
        case .full: "The vault's chip has no room for another account; ask its operator."
        case .notTheProfile: "The vault refused a structure that is not exactly the profile's; use matching versions."
        case .notAPoint: "The vault refused a blinded element that is not a point of P-256."
        case .lockedOut: "The chip refuses further guesses: the limit is used up."
        case .tooManyToday: "The account had all its evaluations, or writes of its slot, for today; try again tomorrow."
        case .sessionGone: "The vault ended the session to make room for others; try again."
        case .refusedByChip: "The chip refused the signature or the session; try again."
        case .notBurnt: "The old slot is not burnt, so its guesses would stay with the vault's host."
        case .slotGone: "The account's slot is gone from the chip: its operator destroyed it, or the chip was cleared."
        case .chipUnavailable, .chipFailedAfterSpending:
            "The vault's chip does not answer as it should; try again later, or ask its operator."
        case .storeUnavailable:
            "The vault cannot write its store; try again later, or ask its operator."
        }
    }

    /// The error's name on the wire.
    public var wireName: String { "\(VaultInterface.name).\(rawValue)" }
}

/// The parameters of every error on the wire.
public struct FaultParameters: Codable, Hashable, Sendable {
    /// `notSpent` or `maybeSpent`.
    public var guess: String
    /// One sentence for a person.
    public var message: String

    public init(guess: String, message: String) {
        self.guess = guess
        self.message = message
    }
}
