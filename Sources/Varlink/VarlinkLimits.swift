/// What one server or client lets its peers take: sizes in bytes, counts, times.
public struct VarlinkLimits: Sendable {
    /// The largest message in either direction, in bytes and without its NUL.
    public var messageBytes = 65_536
    /// How deep a message's objects and arrays may be nested, the message itself counted as one.
    public var depth = StrictJSON.depth
    /// How many connections a server has at once. Beyond that the user with the most of them loses the one that has been
    /// idle longest; where there is none to lose, the newest is refused.
    public var connections = 256
    /// How many of these may belong to one user id, so that no user takes the places of the others.
    public var connectionsPerUser = 192
    /// For how long an idle connection is safe from newer ones of its own user: a peer may think between two calls.
    public var safelyIdle = Duration.seconds(30)
    /// The time from a message's first byte to its NUL.
    public var messageDeadline = Duration.seconds(10)
    /// How long a connection may stay open without a message or a call under way.
    public var idleDeadline = Duration.seconds(300)
    /// How long a peer may take to read a reply.
    public var writeDeadline = Duration.seconds(10)

    /// How many peers a server has on the network that have not said who they are.
    public var strangers = 64
    /// How many of these may come from one address.
    public var strangersPerAddress = 16
    /// How many peers of one address may come at once, and how many a second in the long run: whoever has just come and gone
    /// has cost a TLS handshake.
    public var arrivalsAtOnce = 64
    public var arrivalsPerSecond = 20.0
    /// How long a peer on the network may take to say who it is, the TLS handshake included.
    public var introductionDeadline = Duration.seconds(10)
    /// How many connections may belong to one whom the service knows by name.
    public var connectionsPerName = 4

    public init() {}

    /// What counts for strangers: they have places of their own, so that no number of them takes those of the others.
    var forStrangers: VarlinkLimits {
        var limits = self
        limits.connections = strangers
        // None of them thinks for long.
        limits.safelyIdle = introductionDeadline / 4
        return limits
    }
}
