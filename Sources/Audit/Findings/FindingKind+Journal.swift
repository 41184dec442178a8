extension FindingKind {
    var journalText: FindingText {
        switch self {
        case .journalLine:
            FindingText(
                .critical, "Each line of the journal is the one that was written there",
                why: "Somebody who can write to the store removed, changed or moved lines, to hide what was done.",
                advice: "Compare with a copy of the store; have people look at `tenpin history` and change passwords.")
        case .journalRolledBack:
            FindingText(
                .critical, "The journal has all lines that the chip certified",
                why: "The store is an older copy, or its last lines were cut off: what happened since is hidden.",
                advice: "If a backup of the store was restored, say so to the people; otherwise find out who did it.")
        case .journalGap:
            FindingText(
                .critical, "The journal has a certificate at each count of its counter",
                why:
                    "Certificates of counts that are past cannot be made again: who rewrites lines, or goes on with an older"
                    + " store, leaves a gap. So does another program that uses the counter.",
                advice: "Ask the operator what happened then; a gap stays in the journal for ever. Keep its head.")
        case .journalBegunAnew:
            FindingText(
                .critical, "The journal goes back to its first certificate",
                why: "It was thrown away and begun anew: everything before is hidden.",
                advice: "Restore the store from a copy, and find out who wrote to it.")
        case .journalCertificate:
            FindingText(
                .critical, "The journal's certificates are this chip's, about this vault's counter",
                why: "The journal is another vault's or was made up, or its counter was taken off the chip.",
                advice: "Find out who wrote to the store or used the owner's authorization.")
        case .journalUncertified:
            FindingText(
                .warning, "The chip certifies the journal",
                why: "Without certificates whoever can write to the store can rewrite the journal whole.",
                advice:
                    "See the log of `tenpin-vault serve`: the chip may be full, or the endorsement hierarchy's authorization"
                    + " missing (--endorsement-auth-file).")
        case .journalGuesses:
            FindingText(
                .critical, "The journal has a line for each evaluation that the chip counted, and no other",
                why: "Guesses were made without the vault, or their lines are missing or made up.",
                advice: "Tell the person, who should change the password.")
        case .journalFound:
            FindingText(
                .warning, "Every evaluation was made by the vault",
                why:
                    "The vault once found a count on the chip that no line explained: somebody used the slot without it, or the"
                    + " store had been set back.",
                advice: "Tell the person, who should look at `tenpin history` and change the password.")
        default:
            FindingText(
                .critical, "The journal begins with the lines whose head you kept",
                why: "Lines from before were changed or removed; certificates made since do not mend that.",
                advice: "Compare with a copy of the store of that day, and find out who wrote to it.")
        }
    }
}
