extension FindingKind {
    var storeText: FindingText {
        switch self {
        case .limitKeyUnusable:
            FindingText(
                .critical, "A row holds a limit key that the profile uses",
                why: "Without it nobody can tell what the slot should be: the row was altered or is damaged.",
                advice: "Restore the store from a copy, and find out who wrote to it.")
        case .limitKeyReused:
            FindingText(
                .critical, "Each enrollment has a limit key of its own",
                why: "A signature that was held back from one slot could serve another.",
                advice: "Have the person enroll anew, and find out which device or program made it.")
        case .evaluationKeyMissing:
            FindingText(
                .critical, "A row holds an evaluation key",
                why: "Without it the person cannot recover: the row was altered or is damaged.",
                advice: "Restore the store from a copy; otherwise the person must enroll anew.")
        case .evaluationKeyPrivate:
            FindingText(
                .critical, "The evaluation key loads under the parent, with the policy of its own slot",
                why: "The private part is damaged, another enrollment's, or another chip's: the person cannot recover.",
                advice: "Restore the store from a copy; otherwise the person must enroll anew.")
        case .evaluationKeyReused:
            FindingText(
                .critical, "Each enrollment has an evaluation key of its own",
                why: "Two slots that guard one key give two limits' worth of guesses at the same password.",
                advice: "Have the person enroll anew with a new password, and find out which device or program made it."
            )
        case .bundlePublic:
            FindingText(
                .critical, "The bundle is a sealed object that only the row's open key opens, by Unseal alone",
                why: "A bundle with another policy could be opened by somebody else, or by nobody.",
                advice: "Restore the store from a copy; otherwise the person must enroll anew.")
        case .bundlePrivate:
            FindingText(
                .critical, "The bundle loads under the parent",
                why:
                    "The private part is damaged, another enrollment's, or another chip's: the right password gives no key.",
                advice: "Restore the store from a copy; otherwise the person must enroll anew.")
        case .openKeyUnusable:
            FindingText(
                .critical, "A row holds an open key that the profile uses",
                why: "Without it the bundle cannot be opened: the row was altered or is damaged.",
                advice: "Restore the store from a copy; otherwise the person must enroll anew.")
        case .recipeMissing:
            FindingText(
                .critical, "A live enrollment has a recipe",
                why: "Without it a new device cannot recover: the row was altered or is damaged.",
                advice: "Restore the store from a copy; otherwise the person must enroll anew.")
        case .recipeMismatch:
            FindingText(
                .critical, "A recipe names this chip, this parent, this slot and this evaluation key",
                why: "A recipe of another enrollment sends the person's device to the wrong slot, or to another vault.",
                advice: "Restore the store from a copy, and find out who wrote to it.")
        case .recipeWeak:
            FindingText(
                .warning, "Passwords are stretched with Argon2id, 64 MiB and 3 passes or more",
                why: "Who breaks the chip open searches the password offline, at one Argon2id a try.",
                advice: "Have the person change the password with the defaults.")
        case .storeRow:
            FindingText(
                .critical, "Each row of the store can be read",
                why: "The row was altered or is damaged; its person cannot recover, and its slot is not judged here.",
                advice: "Restore the store from a copy, and find out who wrote to it.")
        case .accountSeveral:
            FindingText(
                .critical, "Each account has one live enrollment",
                why: "Two live enrollments with the same password are two limits' worth of guesses.",
                advice: "Find out who wrote to the store; have the person enroll anew with a new password.")
        case .enrollmentHalfMade:
            FindingText(
                .note, "No enrollment stays half made",
                why: "It takes a slot and opens nothing.",
                advice: "`tenpin-vault serve` takes it away when it starts, an armed one after seven days.")
        default:
            FindingText(
                .warning, "The slot of an enrollment that was replaced is burnt",
                why: "The old password can still be guessed at, and opens the old backup key.",
                advice:
                    "The device that changed the password burns it when it meets this vault again (`tenpin status`).")
        }
    }
}
