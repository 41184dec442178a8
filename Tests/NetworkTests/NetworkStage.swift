import Crypto
import Foundation
import NetworkTestSupport
import ProgramTestSupport
import TestSupport
import Testing

/// A vault's program on the network, between a relay to its chip and callers, with an authority and an account service of
/// the test's.
final class NetworkStage: Sendable {
    static let audience = "vault-1.example"

    let stage: Stage
    let relay: ChipRelay
    let site: PaperSite
    let smith = TokenSmith()
    let running: Running
    let port: Int

    static func with(
        _ more: String..., identity: Swtpm.Identity = .shared,
        body: @Sendable (NetworkStage) async throws -> Void
    ) async throws {
        try await Stage.bare(identity) { stage in
            try await stage.provision()
            let relay = try ChipRelay(stage.chip)
            defer { relay.end() }
            try await body(try await NetworkStage(stage, relay, more))
            #expect(try await stage.stop().status == 0)
        }
    }

    private init(_ stage: Stage, _ relay: ChipRelay, _ more: [String]) async throws {
        (self.stage, self.relay) = (stage, relay)
        // Authorities of one name are taken for each other.
        site = try PaperSite("Paper site \(UInt32.random(in: 0...UInt32.max))")
        let pair = try site.issue(["localhost"], addresses: [[127, 0, 0, 1]])
        let desk = stage.desk
        desk.write(pair.certificate, to: "certificate.pem")
        desk.write(pair.key, to: "key.pem")
        desk.write(try site.pem, to: "site.pem")
        desk.write(try TokenSmith.jwks([smith]), to: "jwks.json")
        running = try await stage.serve(
            arguments: [
                "--tcti", relay.tcti, "--listen", "127.0.0.1:0", "--tls-certificate", desk("certificate.pem"),
                "--tls-key", desk("key.pem"), "--token-keys", desk("jwks.json"), "--token-audience", Self.audience,
            ] + more)
        let ready = running.errors
        port = try #require(
            ready.firstMatch(of: /tls:127\.0\.0\.1:([0-9]+)/).flatMap { Int($0.1) }, "\(ready)")
    }

    /// The port of the answers to an operator's tools.
    var monitoringPort: Int {
        get throws {
            try #require(running.errors.firstMatch(of: /http:\/\/127\.0\.0\.1:([0-9]+)/).flatMap { Int($0.1) })
        }
    }

    /// A token that is in order, unless told otherwise.
    func token(_ account: String = "alice", for audience: Any = audience, expires: TimeInterval = 600) throws -> String
    {
        try smith.token(TokenSmith.claims(account, for: audience, expires: expires))
    }

    /// Connects, and says something as a stranger. On a busy machine that may take longer than a stranger has: then again.
    func knock(
        _ manner: TLSPeer.Manner = .init(), _ body: (TLSPeer) async throws -> [String: Any]?
    ) async throws -> (TLSPeer, [String: Any]?) {
        for _ in 0..<5 {
            let peer = try await TLSPeer.connect(port, manner)
            let reply = try await body(peer)
            if error(reply) != "org.tenpin.Transport.IntroductionOver" { return (peer, reply) }
        }
        throw HarnessError("a stranger has no time to say anything")
    }

    /// A connection that speaks for the account.
    func peer(_ account: String) async throws -> TLSPeer {
        let token = try token(account)
        let (peer, reply) = try await knock { try await $0.present(token) }
        try #require(parameters(reply)["account"] as? String == account, "\(reply ?? [:])")
        return peer
    }

    /// Has the vault read its files again, and waits until it says that it did.
    func reload() async throws {
        let before = running.errors.components(separatedBy: "reloaded: ").count
        running.signal(SIGHUP)
        try await eventually("it has read its files") {
            running.errors.components(separatedBy: "reloaded: ").count > before
        }
    }

    /// How many commands the chip has had.
    var commands: Int { relay.exchanges.count }

    /// Runs a device's command over the network.
    func at(
        _ device: String, _ command: String, _ account: String = "alice", password: String? = nil,
        host: String = "localhost",
        token: String?, authority: String? = "site.pem", through relay: Int? = nil, _ more: [String] = []
    ) async throws -> Ended {
        let desk = stage.desk
        var arguments = [command] + stage.way(device, account)
        arguments[2] = "tls:\(host):\(relay ?? port)"
        if let authority { arguments += ["--tls-ca", desk(authority)] }
        if let token { arguments += ["--token-file", desk(token)] }
        if let password { arguments += ["--password-file", desk.write(password + "\n", to: "\(UUID()).password")] }
        return try await desk.run(.tenpin, arguments + more)
    }
}

/// A reply's parameters.
func parameters(_ reply: [String: Any]?) -> [String: Any] { reply?["parameters"] as? [String: Any] ?? [:] }

/// A reply's error.
func error(_ reply: [String: Any]?) -> String? { reply?["error"] as? String }
