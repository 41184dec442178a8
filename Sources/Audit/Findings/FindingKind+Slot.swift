import TPM

extension FindingKind {
    var slotText: FindingText {
        let (first, last) = (Handle(Handle.slots.lowerBound), Handle(Handle.slots.upperBound))
        return switch self {
        case .slotMissing:
            FindingText(
                .critical, "Each kept enrollment has its slot on the chip",
                why: "The slot was destroyed, and with it the way to this person's key. Nobody gained a guess.",
                advice:
                    "The person must enroll anew from a device that still has the key; find out who undefined the slot."
            )
        case .slotUnwritten:
            FindingText(
                .critical, "Each kept enrollment's slot is written",
                why:
                    "The slot was destroyed and defined again under the same Name. It stays unwritten, for only a fresh signature"
                    + " of the person's limit key writes it, so nobody gained a guess, and the key is lost.",
                advice:
                    "The person must enroll anew from a device that still has the key; find out who undefined the slot."
            )
        case .slotAttributes:
            FindingText(
                .critical, "A slot has exactly the profile's attributes",
                why: "One bit more lets the owner, the platform or a restart write, lock, hide or reset the count.",
                advice: "Do not rely on this enrollment's limit: the person should enroll anew, with a new backup key.")
        case .slotPolicy:
            FindingText(
                .critical, "A slot's policy is the profile's, for the limit key of its row",
                why: "Another policy is somebody else's: who can satisfy it can raise the ceiling.",
                advice: "Do not rely on this enrollment's limit: the person should enroll anew, with a new backup key.")
        case .slotShape:
            FindingText(
                .critical, "A slot is a PIN Pass index of 8 bytes whose Name is made with SHA-256",
                why: "Anything else does not count guesses as the profile needs.",
                advice: "Do not rely on this enrollment's limit: the person should enroll anew, with a new backup key.")
        case .slotHandle:
            FindingText(
                .critical, "A slot's handle is in \(first)…\(last)",
                why: "The row names something that is no slot: the store was altered.",
                advice: "Restore the store from a copy, and find out who wrote to it.")
        case .slotShared:
            FindingText(
                .critical, "Each slot belongs to one enrollment",
                why: "Two rows that name one slot cannot both be what a device made: the store was altered.",
                advice: "Restore the store from a copy, and find out who wrote to it.")
        case .slotUnreadable:
            FindingText(
                .critical, "A slot shows its count through its own policy",
                why:
                    "The count could not be read or certified although the slot looks as it should, so nothing is known about"
                    + " its guesses.",
                advice: "Look again; if it stays so, the chip does not do what a TPM 2.0 does.")
        case .slotOrphan:
            FindingText(
                .warning, "Each PIN Pass index in the range of slots belongs to an enrollment",
                why:
                    "Whoever kept the row that was erased from the store (an old copy of it) still has the guesses of this"
                    + " slot; otherwise it takes room.",
                advice: "If no other program owns it: tpm2_nvundefine -C o with its handle.")
        default:
            FindingText(
                .note, "Only slots are in the range of slots",
                why: "It is somebody else's, gives no guess, and takes room.",
                advice: "Leave it, if you know whose it is.")
        }
    }
}
