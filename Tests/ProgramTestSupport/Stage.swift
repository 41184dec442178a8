import Foundation
import Synchronization
import TestSupport

/// A chip, a desk, and a vault that is provisioned on the one and served on the other by the program itself.
package final class Stage: Sendable {
    package let chip: Swtpm
    package let desk: Desk
    private let serving = Mutex<Running?>(nil)

    private init(_ chip: Swtpm, _ desk: Desk) {
        self.chip = chip
        self.desk = desk
    }

    /// A vault that is not provisioned.
    package static func bare<R>(
        _ identity: Swtpm.Identity = .shared, isolation: isolated (any Actor)? = #isolation,
        _ body: (Stage) async throws -> R
    ) async throws -> R {
        try await withSwtpm(identity) { chip in
            try await Desk.with { desk in try await body(Stage(chip, desk)) }
        }
    }

    /// A vault that is served.
    package static func with<R>(
        isolation: isolated (any Actor)? = #isolation, _ body: (Stage) async throws -> R
    ) async throws -> R {
        try await bare { stage in
            try await stage.provision()
            try await stage.serve()
            return try await body(stage)
        }
    }

    package var home: String { desk("vault") }
    package var socket: String { desk("vault.sock") }
    package var address: String { "unix:\(socket)" }
    package var trustRoot: String { chip.trustRoot?.path() ?? "" }

    @discardableResult
    package func provision(_ more: String...) async throws -> Ended {
        try await desk.done(
            .vault,
            ["provision", "--tcti", chip.tcti, "--home", home, "--skip-capacity", "--allow-emulated"] + more)
    }

    /// Starts serving, and waits until the program says that it does.
    @discardableResult
    package func serve(_ more: String..., environment: [String: String] = [:]) async throws -> Running {
        try await serve(arguments: more, environment: environment)
    }

    @discardableResult
    package func serve(arguments more: [String], environment: [String: String] = [:]) async throws -> Running {
        let running = try await desk.start(
            .vault, ["serve", "--home", home, "--socket", socket] + more, environment: environment)
        try await eventually("the vault serves") {
            guard !running.child.hasEnded else {
                running.child.end(SIGKILL)
                throw HarnessError("the vault does not serve: \(running.errors)")
            }
            return running.errors.contains("ready: ")
        }
        serving.withLock { $0 = running }
        return running
    }

    /// Ends it as an operator would.
    @discardableResult
    package func stop() async throws -> Ended {
        guard let running = taken() else { throw HarnessError("no vault is served") }
        running.signal(SIGTERM)
        return try await running.ended()
    }

    /// Ends it as SIGKILL does, if it is served.
    package func kill() {
        taken()?.child.end(SIGKILL)
    }

    /// Whether the vault's program runs.
    package var isServed: Bool { serving.withLock { $0.map { !$0.child.hasEnded } ?? false } }

    private func taken() -> Running? {
        serving.withLock { serving in
            defer { serving = nil }
            return serving
        }
    }

    /// The arguments by which a device of this name comes to the vault.
    package func way(_ device: String, _ account: String) -> [String] {
        [
            "--vault", address, "--home", desk(device), "--account", account, "--trust-root", trustRoot,
            "--allow-emulated", "--accept-new-vault",
        ]
    }

    /// Runs a command of a device.
    package func at(
        _ device: String, _ command: String, _ account: String = "alice", password: String? = nil, _ more: String...
    ) async throws -> Ended {
        var arguments = [command] + way(device, account) + more
        if let password {
            let file = "\(UUID().uuidString).password"
            desk.write(password + "\n", to: file)
            arguments += [command == "change-password" ? "--new-password-file" : "--password-file", desk(file)]
        }
        return try await desk.run(.tenpin, arguments)
    }

    /// Enrolls with the least work there is.
    @discardableResult
    package func enroll(
        _ device: String, _ account: String = "alice", password: String, limit: Int = 10
    ) async throws -> Ended {
        let ended = try await at(
            device, "enroll", account, password: password, "--memory", "64", "--passes", "3", "--limit", "\(limit)")
        guard ended.status == 0 else { throw HarnessError(ended.errors) }
        return ended
    }
}
