extension FindingKind {
    var chipText: FindingText {
        switch self {
        case .chipEmulated:
            FindingText(
                .critical, "The TPM is a chip and not a program",
                why:
                    "Whoever runs the host of an emulated TPM copies its state file, guesses, and puts the copy back: no limit"
                    + " holds.",
                advice:
                    "Use it for trials only, or move the vault to a chip. For a trial accept it with --allow-emulated.")
        case .chipCertificate:
            FindingText(
                .critical, "The endorsement certificate leads to a root that is believed, and is this key's",
                why: "Without it nothing shows that the keys are on a chip at all.",
                advice:
                    "Give the maker's root with --trust-root, or ask the vault's operator for the right certificates.")
        case .chipTier:
            FindingText(
                .warning, "A pinned root of its maker vouches for the chip",
                why: "An authority of your own can certify anything as anybody's.",
                advice:
                    "Get the maker's certificates (tenpin-vault provision --chain), or rely on your own authority alone."
            )
        case .chipEndorsementKey:
            FindingText(
                .critical, "The endorsement key is made from a standard template",
                why:
                    "A key from another template may be one that anyone can use or duplicate, so that device sessions and"
                    + " credentials prove nothing.",
                advice: "Do not use this vault; provision a new one with --endorsement.")
        case .chipFirmwareFlaw:
            FindingText(
                .critical, "The TPM's firmware has no published flaw",
                why: "A published attack takes keys out of chips with this firmware.",
                advice: "Update the firmware and enroll anew, or use another chip.")
        case .chipFirmwareDoubt:
            FindingText(
                .warning, "The TPM's firmware has no published flaw",
                why:
                    "A published attack takes keys out of chips with this firmware; the version does not tell whether it is"
                    + " mended here.",
                advice: "Ask the maker whether this version has the mend.")
        case .chipFirmwareMismatch:
            FindingText(
                .critical, "The firmware version is the one that the chip signs",
                why:
                    "The chip signs another version than the vault's host showed: the host lies, or the firmware changed in"
                    + " between.",
                advice: "Ask for new evidence; if it happens again, do not believe this host.")
        case .chipLargestDigest:
            FindingText(
                .critical, "The chip's largest hash is the one that enrollments were made for",
                why:
                    "Limit and open keys are presented with the chip's largest hash. When that changes, enrollments made"
                    + " before cannot be used any more.",
                advice: "Undo the firmware update that changed it, or have everyone enroll anew.")
        case .chipParent:
            FindingText(
                .critical, "The parent is a storage primary with the profile's template",
                why: "Another parent could give out what devices sealed to it.",
                advice: "Do not use this vault; provision a new one.")
        case .chipFull:
            FindingText(
                .warning, "There is room for new enrollments",
                why: "Nobody can enroll or change a password.",
                advice: "Remove accounts that are not needed, or add a vault on another chip.")
        case .chipFewFree:
            FindingText(
                .note, "There is room for new enrollments",
                why: "A change of password needs a slot beside the old one.",
                advice: "Plan another vault before the last slots are taken.")
        case .hierarchyOwner:
            FindingText(
                .warning, "The owner hierarchy has an authorization value",
                why:
                    "Whoever reaches this TPM can destroy accounts, by undefining slots or taking the parent away. Nobody"
                    + " gains a guess by it.",
                advice:
                    "Set one (tpm2_changeauth -c owner), and give it to `tenpin-vault serve` with --owner-auth-file.")
        case .hierarchyLockout:
            FindingText(
                .warning, "The lockout hierarchy has an authorization value",
                why: "Whoever reaches this TPM can clear it, which ends every account. Nobody gains a guess by it.",
                advice: "Set one (tpm2_changeauth -c lockout), and keep it off this host.")
        case .hierarchyEndorsement:
            FindingText(
                .note, "The endorsement hierarchy has an authorization value",
                why:
                    "Whoever reaches this TPM can have the attestation key sign: any index, at any time. Receipts and evidence"
                    + " are checked so that this proves nothing false.",
                advice:
                    "If it should have one: tpm2_changeauth -c endorsement, and --endorsement-auth-file for `serve`.")
        case .dictionaryOff:
            FindingText(
                .warning, "The chip's protection against dictionary attacks is on",
                why:
                    "Slots and keys of a vault are exempt and do not need it, but without it other people's objects on this chip"
                    + " can be guessed without limit.",
                advice: "Set recovery time and failures: tpm2_dictionarylockout --setup-parameters.")
        case .dictionaryWeak:
            FindingText(
                .note, "The chip allows at most 1000 wrong authorizations a day",
                why:
                    "Slots and keys of a vault are exempt; other objects on this chip can be guessed faster than usual.",
                advice: "Set a longer recovery time or fewer failures: tpm2_dictionarylockout --setup-parameters.")
        default:
            FindingText(
                .note, "The chip is not locked out",
                why:
                    "Somebody gave wrong authorizations until the chip refused all that are subject to it. Slots and keys of a"
                    + " vault are exempt and go on.",
                advice: "Find out who tried; tpm2_dictionarylockout --clear-lockout ends it.")
        }
    }
}
