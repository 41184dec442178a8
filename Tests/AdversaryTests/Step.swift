/// One operation of a program: a person's, or the operator's. People are numbered; a step about somebody who has no
/// enrollment does nothing, so that any part of a program is a program.
enum Step: Hashable, Sendable {
    // Honest people.
    case enroll(Int, limit: UInt32, Fault)
    case recover(Int, Fault)
    case mistype(Int, Fault)
    case grant(Int, UInt32, Fault)
    case change(Int, limit: UInt32, Fault)
    case forget(Int, Fault)
    case status(Int, Fault)
    /// The person goes on with the device that recovered last.
    case moveToRecovered(Int)

    // Both programs.
    case restartVault
    case killVault
    case cutPower
    /// A cut behind TPM2_Shutdown(STATE), and Startup(STATE).
    case suspend
    case saveStore
    case restoreStore(Int)

    // The operator, through the socket.
    case guessBySocket(Int)
    case guessAsOther(Int, Int)
    case replayMessage(Int)
    case releaseHeld

    // The operator, at the chip.
    case guess(Int)
    case useTwice(Int)
    case hoard(Int, Int)
    case spendHoard
    case crossSlot(Int, Int)
    case readInsteadOfSpending(Int)
    case replayCommand(Int)
    case replayWrites(Int)
    case redefine(Int, Redefinition, back: Bool)
    case undefine(Int)
    case probe(Int, Probe)
    case saltToKey(Int)
    case clear

    /// What the owner defines in a slot's place.
    enum Redefinition: CaseIterable, Hashable, Sendable {
        case same, ownerWrites, authWrites, ownerReads, noPolicy, ordinary, counter, bits, pinFail, platformCreated
        case withAuthorization
    }

    /// What owner, platform and the slot itself try on slot and key.
    enum Probe: CaseIterable, Hashable, Sendable {
        case ownerWrites, platformWrites, slotWrites, branchWrites, increment, extend, setBits, writeLock, readLock,
            globalLock
        case changeAuth, undefineSpecial, platformUndefines, resetLockout, objectChangeAuth, duplicate, rewrap
        case zGen2Phase, zGenByPassword, policySecret, certify, policyNVByOwner, trialSession
    }
}
