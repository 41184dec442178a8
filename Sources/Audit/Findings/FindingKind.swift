/// Every kind of thing that an audit can find. The identifiers stay the same between versions.
public enum FindingKind: String, Codable, Hashable, Sendable, CaseIterable {
    // The chip.
    case chipEmulated = "chip.emulated"
    case chipCertificate = "chip.certificate"
    case chipTier = "chip.tier"
    case chipEndorsementKey = "chip.endorsement-key"
    case chipFirmwareFlaw = "chip.firmware-flaw"
    case chipFirmwareDoubt = "chip.firmware-doubt"
    case chipFirmwareMismatch = "chip.firmware-mismatch"
    case chipLargestDigest = "chip.largest-digest"
    case chipParent = "chip.parent"
    case chipFull = "chip.full"
    case chipFewFree = "chip.few-free"
    case hierarchyOwner = "hierarchy.owner-empty"
    case hierarchyLockout = "hierarchy.lockout-empty"
    case hierarchyEndorsement = "hierarchy.endorsement-empty"
    case dictionaryOff = "dictionary-attack.off"
    case dictionaryWeak = "dictionary-attack.weak"
    case dictionaryLockout = "dictionary-attack.lockout"

    // A slot.
    case slotMissing = "slot.missing"
    case slotUnwritten = "slot.unwritten"
    case slotAttributes = "slot.attributes"
    case slotPolicy = "slot.policy"
    case slotShape = "slot.shape"
    case slotHandle = "slot.handle"
    case slotShared = "slot.shared"
    case slotUnreadable = "slot.unreadable"
    case slotOrphan = "slot.orphan"
    case indexForeign = "index.foreign"

    // Limits and guesses.
    case limitMaximum = "limit.above-maximum"
    case limitRange = "limit.range"
    case limitMismatch = "limit.mismatch"
    case ceilingUnexplained = "ceiling.unexplained"
    case ceilingSignature = "ceiling.signature"
    case ceilingExcessive = "ceiling.excessive"
    case ceilingBehind = "ceiling.behind"
    case guessesUsedUp = "guesses.used-up"

    // Keys.
    case limitKeyUnusable = "limit-key.unusable"
    case limitKeyReused = "limit-key.reused"
    case evaluationKeyMissing = "evaluation-key.missing"
    case evaluationKeyPrivate = "evaluation-key.private"
    case evaluationKeyReused = "evaluation-key.reused"
    case bundlePublic = "bundle.public-area"
    case bundlePrivate = "bundle.private"
    case openKeyUnusable = "open-key.unusable"

    // The store.
    case recipeMissing = "recipe.missing"
    case recipeMismatch = "recipe.mismatch"
    case recipeWeak = "recipe.weak-stretching"
    case storeRow = "store.damaged-row"
    case accountSeveral = "account.several-live"
    case enrollmentHalfMade = "enrollment.half-made"
    case enrollmentReplaced = "enrollment.replaced"

    // The journal.
    case journalLine = "journal.line"
    case journalRolledBack = "journal.rolled-back"
    case journalGap = "journal.gap"
    case journalBegunAnew = "journal.begun-anew"
    case journalCertificate = "journal.certificate"
    case journalUncertified = "journal.uncertified"
    case journalGuesses = "journal.guesses"
    case journalFound = "journal.found"
    case journalKept = "journal.kept-head"

    public var id: String { rawValue }
}

/// What is said of a kind of finding, whatever it is found on.
public struct FindingText: Hashable, Sendable {
    public let severity: Severity
    /// The rule that was broken, one sentence without its full stop.
    public let title: String
    /// Why it matters, and what to do; sentences.
    public let why: String
    public let advice: String

    init(_ severity: Severity, _ title: String, why: String, advice: String) {
        self.severity = severity
        self.title = title
        self.why = why
        self.advice = advice
    }
}

extension FindingKind {
    public var severity: Severity { text.severity }

    public var text: FindingText {
        switch family {
        case "chip", "hierarchy", "dictionary-attack": chipText
        case "slot", "index": slotText
        case "limit", "ceiling", "guesses": limitText
        case "journal": journalText
        default: storeText
        }
    }

    /// The part of the identifier before the full stop.
    var family: Substring { rawValue.prefix { $0 != "." } }
}
