import TPM

/// How long a chip took for each command, as seen from here: the bus included.
public struct CommandTimes: Sendable {
    private var times: [CommandCode: [Duration]] = [:]

    public init() {}

    mutating func add(_ time: Duration, for command: CommandCode) {
        times[command, default: []].append(time)
    }

    /// All of them together.
    public var total: Duration { times.values.joined().reduce(.zero, +) }

    /// One line a command, the slowest first.
    public var summary: [Summary] {
        times.map { command, times in
            let sorted = times.sorted()
            return Summary(
                command: command, count: sorted.count, minimum: sorted[0], median: sorted[sorted.count / 2],
                maximum: sorted[sorted.count - 1])
        }.sorted { ($1.median, $0.command.rawValue) < ($0.median, $1.command.rawValue) }
    }

    /// What one command took.
    public struct Summary: Hashable, Sendable {
        public let command: CommandCode
        public let count: Int
        public let minimum: Duration
        public let median: Duration
        public let maximum: Duration
    }
}
