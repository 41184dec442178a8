import ArgumentParser
import Foundation
import Monitoring
import Varlink
import Vault

/// Where an operator's tools ask how the vault does.
struct MonitoringOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Answer /metrics (Prometheus), /healthz and /readyz over HTTP here: a loopback address, or the path of a Unix \
            socket, unix:/path. Names no account; who watches it closely can still tell when somebody guesses.
            """, valueName: "address"))
    var metrics: String?

    @Flag(help: "Let --metrics be reached from other machines, unprotected.")
    var metricsPublic = false

    func place() throws -> MonitoringServer.Place? {
        guard let metrics else { return nil }
        if metrics.hasPrefix("unix:") { return .socket(String(metrics.dropFirst(5))) }
        guard let place = NetworkPlace(metrics) else {
            throw ValidationError(
                "\(metrics) is not an address for --metrics; give it as 127.0.0.1:9464 or unix:/path.")
        }
        guard place.isLoopback || metricsPublic else {
            throw ValidationError(
                "\(place.host) is reached from other machines; if that is meant, add --metrics-public.")
        }
        return .network(host: place.host, port: place.port)
    }
}

/// The answers to an operator's tools.
struct Monitor: Sendable {
    let vault: Vault
    /// What is served, by the name of its kind of socket.
    let servers: [(name: String, server: VarlinkServer)]
    let readiness: Readiness

    func answer(_ path: String) async -> MonitoringServer.Answer? {
        switch path {
        case "/healthz": .ok("ok\n")
        case "/readyz": await readiness.isReady() ? .ok("ready\n") : .unavailable("the chip does not answer\n")
        case "/metrics":
            .ok(
                vault.metrics.text([
                    VaultMetrics.Gauge(
                        "tenpin_connections", "Open connections.",
                        servers.map { ("{socket=\"\($0.name)\"}", $0.server.connections) }),
                    vault.slotGauge,
                ]))
        default: nil
        }
    }
}

/// Whether the chip answers, asked at most once in five seconds: whoever reaches the port may ask as often as he likes, and
/// takes none of the devices' time.
actor Readiness {
    private let vault: Vault
    private var answer: (since: ContinuousClock.Instant, task: Task<Bool, Never>)?

    init(_ vault: Vault) { self.vault = vault }

    func isReady() async -> Bool {
        if let answer, answer.since + .seconds(5) > .now { return await answer.task.value }
        let task = Task { [vault] in await vault.chipAnswers() }
        answer = (.now, task)
        return await task.value
    }
}
