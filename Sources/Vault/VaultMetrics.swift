import Synchronization
import TPMDevice
import VaultAPI

/// What an operator may count of a vault, in the Prometheus text format 0.0.4: calls and their time by method and outcome,
/// the chip's time, connections, slots. Never an account: labels come from closed lists.
public final class VaultMetrics: Sendable {
    /// The upper bounds of a call's time, in seconds. A point costs a chip between 10 ms and a second.
    private static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    private struct Label: Hashable {
        let method: String
        let outcome: String
    }

    private struct Histogram {
        /// How many took at most the bound of the same index, and in the last place how many took longer than all.
        var counts = [UInt64](repeating: 0, count: bounds.count + 1)
        var sum = 0.0
    }

    private struct State {
        var calls: [Label: Histogram] = [:]
        var tokens: [String: UInt64] = [:]
        var chipBusy = Duration.zero
    }

    private let state = Mutex(State())

    init() {}

    /// A call was answered. `method` and `outcome` are names of the interface.
    func count(_ method: String, _ outcome: String, _ time: Duration) {
        let seconds = time / .seconds(1)
        let index = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock { state in
            state.calls[Label(method: method, outcome: outcome), default: Histogram()].counts[index] += 1
            state.calls[Label(method: method, outcome: outcome)]?.sum += seconds
        }
    }

    /// A call of the network was let in or refused.
    func countToken(_ outcome: String) { state.withLock { $0.tokens[outcome, default: 0] += 1 } }

    /// The vault worked on calls for so long.
    func chipWasBusy(_ time: Duration) { state.withLock { $0.chipBusy += time } }

    /// All of it as text, `gauges` behind it: each with its help, its labels and values.
    public func text(_ gauges: [Gauge]) -> String {
        let state = state.withLock { $0 }
        var text = """
            # HELP tenpin_call_seconds How long calls took, waiting included.
            # TYPE tenpin_call_seconds histogram

            """
        for (label, histogram) in state.calls.sorted(by: {
            ($0.key.method, $0.key.outcome) < ($1.key.method, $1.key.outcome)
        }) {
            let labels = "method=\"\(label.method)\",outcome=\"\(label.outcome)\""
            var sum: UInt64 = 0
            for (bound, count) in zip(Self.bounds.map { "\($0)" } + ["+Inf"], histogram.counts) {
                sum += count
                text += "tenpin_call_seconds_bucket{\(labels),le=\"\(bound)\"} \(sum)\n"
            }
            text += "tenpin_call_seconds_sum{\(labels)} \(histogram.sum)\n"
            text += "tenpin_call_seconds_count{\(labels)} \(sum)\n"
        }
        text += """
            # HELP tenpin_tokens_total Callers on the network that were let in (ok) or refused, by reason.
            # TYPE tenpin_tokens_total counter

            """
        for (outcome, count) in state.tokens.sorted(by: { $0.key < $1.key }) {
            text += "tenpin_tokens_total{outcome=\"\(outcome)\"} \(count)\n"
        }
        text += """
            # HELP tenpin_chip_busy_seconds_total How long the vault and its chip worked on calls.
            # TYPE tenpin_chip_busy_seconds_total counter
            tenpin_chip_busy_seconds_total \(state.chipBusy / .seconds(1))

            """
        for gauge in gauges {
            text += "# HELP \(gauge.name) \(gauge.help)\n# TYPE \(gauge.name) gauge\n"
            for (labels, value) in gauge.values { text += "\(gauge.name)\(labels) \(value)\n" }
        }
        return text
    }

    /// A number that goes up and down.
    public struct Gauge: Sendable {
        let name: String
        let help: String
        let values: [(labels: String, value: Int)]

        /// - Parameter values: labels as `{socket="tls"}`, or empty.
        public init(_ name: String, _ help: String, _ values: [(labels: String, value: Int)]) {
            self.name = name
            self.help = help
            self.values = values
        }
    }
}

extension Vault {
    /// Slots used, and free ones where provisioning counted them.
    public nonisolated var slotGauge: VaultMetrics.Gauge {
        let used = store.slotCount
        let free = configuration.capacity.map { [(labels: "{state=\"free\"}", value: max(0, $0 - used))] } ?? []
        return VaultMetrics.Gauge(
            "tenpin_slots", "Slots that enrollments hold, and that the chip has room for.",
            [(labels: "{state=\"used\"}", value: used)] + free)
    }

    /// Whether the chip answers a command, in its turn.
    public nonisolated func chipAnswers() async -> Bool {
        let caller = Caller(connection: ConnectionID(0), account: nil)
        let answer = try? await take(turnOf: caller) { (vault) throws(VaultFault) in
            try vault.onChip { () throws(ChipError) in try vault.chip.property(0x120) }
        }
        return answer.flatMap { $0 } != nil
    }
}
