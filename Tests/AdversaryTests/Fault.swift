/// What goes wrong, or is done, while an honest person acts. Numbers count messages of the device's, or commands to the
/// chip, from 0; one that never comes does nothing.
enum Fault: Hashable, Sendable {
    case none
    // Between device and vault.
    case loseCall(Int)
    case loseReply(Int)
    case sendTwice(Int)
    /// The reply to the first signed write, so that the device signs again.
    case loseWritesReply
    /// Signed writes wait for `releaseHeld`.
    case holdWrites
    /// Only the first signed write waits.
    case holdFirstWrite
    case hideCeiling
    case showOldestCeiling
    // Between vault and chip.
    case killVault(Int, after: Bool)
    case cutPower(Int, after: Bool)
    case refuse(Int)
    case loseAnswer(Int)
    /// The operator guesses between two of the vault's commands.
    case guessBefore(Int)
    /// A session of the operator's that claims to decrypt what is written.
    case foreignDecrypt
    /// A session of the operator's that claims to encrypt what is read.
    case foreignEncrypt
    /// Other bytes are written than were signed, one of `OtherWrite`.
    case writeOther(OtherWrite)

    enum OtherWrite: CaseIterable, Hashable, Sendable {
        case highCeiling, wholeSlot, withoutMAC, byPassword, byOwner
    }

    /// Whether the device learns everything as it is, and each command runs once.
    var isHonest: Bool { self == .none }
}
