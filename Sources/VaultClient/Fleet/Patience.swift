/// How long the rest of several vaults is waited for when there is enough to go on with.
public struct Patience: Sendable {
    /// For what they serve, when enough of them serve the same.
    var lookUp = Duration.milliseconds(300)
    /// For evaluations. What comes while Argon2id is at work is used as well.
    var evaluation = Duration.milliseconds(50)
    /// For further answers, when the ones so far do not settle it.
    var doubt = Duration.seconds(4)
    /// For the bundle, before another one is asked for it.
    var bundle = Duration.milliseconds(400)
    /// For the guess, when it was given back at as many as are needed.
    var refund = Duration.seconds(1)

    public init() {}
}
