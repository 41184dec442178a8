/// What the vault's journal has on an account, oldest line first. No guess is spent.
public struct History: VaultMethod {
    public static let name = "History"
    public var account: Account
    /// How many of the account's lines the caller has already.
    public var from: Int

    public init(account: Account, from: Int = 0) {
        self.account = account
        self.from = from
    }

    public struct Reply: Codable, Hashable, Sendable {
        /// At most `History.linesPerReply`.
        public var lines: [JournalLine]
        /// Whether there are more behind them.
        public var more: Bool

        public init(lines: [JournalLine], more: Bool) {
            self.lines = lines
            self.more = more
        }
    }

    /// Each has less than 200 bytes, so that a reply stays below 64 KiB.
    public static let linesPerReply = 256
}

/// What happened to an enrollment, and when. No secret is in it, nor anything that would serve to guess.
public struct JournalLine: Codable, Hashable, Sendable {
    /// Seconds since 1970, by the vault's clock.
    public var time: Int64
    public var kind: JournalKind
    public var enrollment: EnrollmentID
    /// The evaluations ever made, after this: what the chip's `pinCount` is then.
    public var count: UInt32
    /// The ceiling, after this.
    public var ceiling: UInt32

    public init(time: Int64, kind: JournalKind, enrollment: EnrollmentID, count: UInt32, ceiling: UInt32) {
        self.time = time
        self.kind = kind
        self.enrollment = enrollment
        self.count = count
        self.ceiling = ceiling
    }
}

/// What a line of the journal says.
public enum JournalKind: String, Codable, Hashable, Sendable, CaseIterable {
    /// Count and ceiling are the chip's, and no line explains them: the journal is younger than the enrollment, or somebody used the
    /// slot without the vault.
    case found
    /// The slot was written for the first time.
    case armed
    /// The enrollment can be recovered.
    case live
    /// An evaluation is about to be made.
    case guess
    /// The evaluation of the guess before was refused by the chip, and not counted.
    case refused
    /// The evaluation of the guess before was cut off, by a crash or a failing chip, and by the chip's count was not made.
    case cutOff
    /// The bundle was opened with the open key's signature.
    case open
    /// A ceiling was signed that gives a recovery's guess back.
    case refund
    /// A ceiling was signed that grants guesses.
    case grant
    /// A newer enrollment took its place.
    case replaced
    /// The slot is gone.
    case removed
}
