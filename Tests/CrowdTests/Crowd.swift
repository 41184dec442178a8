import Endorsement
import Foundation
import ProgramTestSupport
import Secrets
import TestSupport
import VaultAPI

@testable import VaultClient

/// A vault as its operator runs it: the program itself, its socket, a chip, and an eye between program and chip.
struct Crowd: Sendable {
    let stage: Stage
    let relay: ChipRelay
    let eye: ChipEye
    let vault: Running
    let ledger = Ledger()
    let figures = Figures()
    /// For what takes an Argon2id.
    let gate = Gate(3)
    private let trust: TrustPolicy

    static func with(_ body: @Sendable (Crowd) async throws -> Void) async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            try liftDailyLimit(stage.home)
            let relay = try ChipRelay(stage.chip)
            defer { relay.end() }
            let eye = ChipEye(relay)
            let running = try await stage.serve("--tcti", relay.tcti)
            let roots = try AuthorityCertificate.list(file: Array(try Data(contentsOf: URL(filePath: stage.trustRoot))))
            let trust = TrustPolicy(authorities: Authorities(own: roots), known: KnownVaults(), allowEmulated: true) {
                _ in true
            }
            try await body(Crowd(stage: stage, relay: relay, eye: eye, vault: running, trust: trust))
        }
    }

    private init(stage: Stage, relay: ChipRelay, eye: ChipEye, vault: Running, trust: TrustPolicy) {
        self.stage = stage
        self.relay = relay
        self.eye = eye
        self.vault = vault
        self.trust = trust
    }

    /// An account has a hundred evaluations a day, and here it needs them in a minute.
    private static func liftDailyLimit(_ home: String) throws {
        let file = URL(filePath: home + "/vault.json")
        guard var fields = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] else {
            throw HarnessError("no vault.json")
        }
        fields["writesPerDay"] = 1_000_000
        try JSONSerialization.data(withJSONObject: fields).write(to: file)
    }

    /// The way to the vault, for a device that goes on to the end or for one that stops.
    func dialer(_ quitting: CrowdDialer.Quitting? = nil) throws -> CrowdDialer {
        CrowdDialer(socket: try SocketDialer(stage.socket), ledger: ledger, quitting: quitting)
    }

    /// A link as a device makes it; one that stops in the midst tries nothing again.
    func link(_ quitting: CrowdDialer.Quitting? = nil) async throws -> VaultLink {
        if quitting != nil { return try await VaultLink.open(dialer(quitting), trust: trust, retryDelays: []) }
        return try await VaultLink.open(dialer(), trust: trust)
    }

    /// Runs one thing with an Argon2id in it, few at a time: each takes 64 MiB and a core.
    func stretching<R>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
    ) async throws -> R {
        await gate.enter()
        do {
            let result = try await body()
            await gate.leave()
            return result
        } catch {
            await gate.leave()
            throw error
        }
    }

    /// A folder for one more device.
    func home() -> DeviceHome { DeviceHome(stage.desk("home-" + UUID().uuidString.prefix(12))) }

    /// One recovery as a person makes it, with a new device and all the work: connecting, proofs, Argon2id, refund.
    func recover(_ person: Prepared, as what: String) async throws {
        try await stretching {
            try await figures.timing(what) {
                var device = try Device(person.account, in: home())
                let link = try await link()
                let outcome = try await device.recover(at: link, password: person.password())
                await link.close()
                guard case .recovered(let recovered) = outcome, case .given = recovered.refund,
                    recovered.key.key.bytes.isEqual(to: person.enrolled.backupKey.bytes)
                else { throw HarnessError("a recovery brought \(outcome)") }
            }
        }
    }

    /// One that the person finds out about only by its outcome: a mistyped password.
    func mistype(_ person: Prepared) async throws {
        try await stretching {
            var device = try Device(person.account, in: home())
            let link = try await link()
            let outcome = try await device.recover(at: link, password: typed("not it"))
            await link.close()
            guard case .wrongPassword = outcome else { throw HarnessError("a wrong password brought \(outcome)") }
        }
    }
}
