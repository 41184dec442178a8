extension FindingKind {
    var limitText: FindingText {
        switch self {
        case .limitMaximum:
            FindingText(
                .critical, "No enrollment has more guesses than the auditor's maximum",
                why:
                    "The person's device chose a limit that your rules do not allow: the password can be tried that often.",
                advice: "Have the person enroll anew with a lower --limit.")
        case .limitRange:
            FindingText(
                .critical, "A limit is between 1 and 1000",
                why: "No device of ours chooses another: the row was altered, or a foreign device enrolled.",
                advice: "Have the person enroll anew; find out who wrote to the store.")
        case .limitMismatch:
            FindingText(
                .critical, "Row and recipe name the same limit",
                why:
                    "The recipe is what the person's password authenticates; the row was altered, or the recipe was exchanged.",
                advice: "Restore the store from a copy, and find out who wrote to it.")
        case .ceilingUnexplained:
            FindingText(
                .critical, "A slot's ceiling is at most the last one that the limit key signed",
                why:
                    "The chip allows more guesses than the store shows a signature for. The signature was withheld, or the slot"
                    + " takes another key's.",
                advice:
                    "Ask the person for `tenpin status`: the device knows what it signed. If that is less, enroll anew."
            )
        case .ceilingSignature:
            FindingText(
                .critical, "The kept signature over the ceiling is the limit key's",
                why:
                    "The store shows a ceiling that nobody signed: it was altered, and the next device would refuse it.",
                advice: "Restore the store from a copy, and find out who wrote to it.")
        case .ceilingExcessive:
            FindingText(
                .critical, "A ceiling is at most the limit, the evaluations made, and the granted guesses",
                why:
                    "A device gives back only guesses that the chip spent for it. A ceiling beyond that gives the vault's host"
                    + " guesses that the person did not mean to grant.",
                advice: "Ask the person whether they granted more guesses; if not, enroll anew.")
        case .ceilingBehind:
            FindingText(
                .note, "The last signed ceiling reached the chip",
                why:
                    "A guess that was given back did not arrive, as after a crash between store and chip. The person has one"
                    + " guess less; the next recovery goes on from what was signed.",
                advice: "Nothing, unless it happens often: then see why the vault stops between the two.")
        default:
            FindingText(
                .note, "Each account has guesses left",
                why: "The ceiling is reached: not even the right password opens this account any more.",
                advice:
                    "A device that still has the key can grant guesses or enroll anew (tenpin grant, change-password).")
        }
    }
}
