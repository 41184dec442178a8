import Crypto
import Foundation
import NetworkTestSupport
import ProgramTestSupport
import TestSupport
import Testing

/// A device's whole life with a vault on the network, and what it does not do there.
@Suite(.timeLimit(.minutes(5))) struct DeviceTests {
    @Test("it enrolls, recovers on a new device after a wrong guess and sees its count, and no token is shown anywhere")
    func story() async throws {
        try await NetworkStage.with { network in
            let desk = network.stage.desk
            let token = try network.token()
            desk.write(
                "# of the account service\ntls:elsewhere:1 junk\ntls:localhost:\(network.port) \(token)\n", to: "token")
            let enrolled = try await network.at(
                "phone", "enroll", password: "pw", token: "token", ["--memory", "64", "--passes", "3"])
            #expect(enrolled.status == 0, "\(enrolled.errors)")
            let wrong = try await network.at("new", "recover", password: "no", token: "token")
            #expect(wrong.status == 10, "\(wrong.errors)")
            let recovered = try await network.at("new", "recover", password: "pw", token: "token")
            #expect(recovered.status == 0, "\(recovered.errors)")
            let status = try await network.at("new", "status", token: "token", ["--json"])
            let report = try #require(
                try JSONSerialization.jsonObject(with: Data(status.bytes)) as? [String: Any], "\(status.errors)")
            #expect(report["count"] as? Int == 3 && report["proven"] as? Bool == true)
            #expect(desk.text("phone/known-vaults").contains("tls:localhost:\(network.port)"))

            // Another account's token, and none.
            desk.write(try network.token("bob"), to: "bob")
            let count = network.commands
            let other = try await network.at("third", "recover", password: "pw", token: "bob")
            #expect(other.status == 15 && other.errors.contains("another account's"), "\(other.errors)")
            desk.write(try network.token(for: "vault-2.example"), to: "replayed")
            let replayed = try await network.at("third", "recover", password: "pw", token: "replayed")
            #expect(replayed.status == 15 && replayed.errors.contains("for another vault"), "\(replayed.errors)")
            let none = try await network.at("third", "recover", password: "pw", token: nil)
            #expect(none.status == 15 && none.errors.contains("--token-file"), "\(none.errors)")
            #expect(
                !network.relay.exchanges.dropFirst(count).contains { $0.command.code == 0x149 }, "no guess was spent")

            // A file that others read is not used.
            desk.write(Array(token.utf8), to: "open", mode: 0o644)
            let open = try await network.at("new", "status", token: "open")
            #expect(open.status == 1 && open.errors.contains("chmod 600"), "\(open.errors)")

            for shown in desk.everythingShown {
                #expect(!String(decoding: shown, as: UTF8.self).contains(token.suffix(40)))
            }
        }
    }

    @Test("it shows its token to nobody who cannot prove the name of the server")
    func impostor() async throws {
        try await NetworkStage.with { network in
            let desk = network.stage.desk
            desk.write(try network.token(), to: "token")
            desk.write(try PaperSite("Another site").pem, to: "other.pem")
            let before = network.commands
            for authority in ["other.pem", nil] {
                let ended = try await network.at("phone", "status", token: "token", authority: authority)
                #expect(ended.status == 13 && ended.errors.contains("could not prove"), "\(ended.errors)")
            }
            // The right authority, and a certificate for another name, after a reload.
            let pair = try network.site.issue(["elsewhere.example"])
            desk.write(pair.certificate, to: "certificate.pem")
            desk.write(pair.key, to: "key.pem")
            try await network.reload()
            let ended = try await network.at("phone", "status", token: "token")
            #expect(ended.status == 13 && ended.errors.contains("for another name"), "\(ended.errors)")
            #expect(network.commands == before)

            // The account service takes its key back.
            desk.write(try TokenSmith.jwks([TokenSmith(id: "2026-2")]), to: "jwks.json")
            try await network.reload()
            let token = try network.token()
            let (_, late) = try await network.knock { try await $0.present(token) }
            #expect(error(late) == "org.tenpin.Access.TokenKeyUnknown")
            // What cannot be read changes nothing.
            desk.write("{}", to: "jwks.json")
            try await network.reload()
            #expect(network.running.errors.contains("not reloaded: "))
            let (_, later) = try await network.knock { try await $0.present(token) }
            #expect(error(later) == "org.tenpin.Access.TokenKeyUnknown")
        }
    }

    @Test("an operator's tools see counts, times, slots and readiness, and no account")
    func monitoring() async throws {
        try await NetworkStage.with("--metrics", "127.0.0.1:0") { network in
            try await network.stage.enroll("phone", "alice", password: "pw")
            let alice = try await network.peer("alice")
            _ = try await alice.call("org.tenpin.Vault.LookUp", ["account": "alice"])
            _ = try await alice.call("org.tenpin.Vault.Secret\u{20}alice", ["account": "alice"])
            _ = try await TLSPeer.connect(network.port).present(network.token("alice", for: "elsewhere"))
            let port = try network.monitoringPort
            let metrics = try await text("/metrics", at: port)
            for line in [
                "HTTP/1.1 200 OK", "tenpin_call_seconds_count{method=\"LookUp\",outcome=\"ok\"} 1",
                "tenpin_call_seconds_bucket{method=\"LookUp\",outcome=\"ok\",le=\"+Inf\"} 1",
                "tenpin_tokens_total{outcome=\"ok\"} 1", "tenpin_tokens_total{outcome=\"TokenAudience\"} 1",
                "tenpin_slots{state=\"used\"} 1", "tenpin_connections{socket=\"tls\"} ",
            ] { #expect(metrics.contains(line), "\(line) is not in: \(metrics)") }
            #expect(metrics.firstMatch(of: /tenpin_chip_busy_seconds_total [0-9.]+/) != nil)
            #expect(!metrics.contains("alice"))
            #expect(try await text("/healthz", at: port).hasSuffix("\r\n\r\nok\n"))
            #expect(try await text("/readyz", at: port).contains(" 200 OK"))
            #expect(try await text("/alice", at: port).contains(" 404 "))
            #expect(try await text("/metrics", method: "POST", at: port).contains(" 405 "))

            // The chip is gone: the program is well, and not ready.
            network.stage.chip.stop()
            try await eventuallyReady(false, port)
            #expect(try await text("/healthz", at: port).contains(" 200 OK"))

            // Whoever opens connections here and says nothing has few of them.
            let silent = try (0..<40).map { _ in try TCPPeer(port) }
            var isRefused = false
            while !isRefused { isRefused = try await text("/healthz", at: port).isEmpty }
            withExtendedLifetime(silent) {}
        }
    }

    @Test("options that do not go together are refused before the chip is touched")
    func misuse() async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            let desk = stage.desk
            let site = try PaperSite()
            let pair = try site.issue(["localhost"])
            desk.write(pair.certificate, to: "certificate.pem")
            desk.write(Array(pair.key.utf8), to: "key.pem", mode: 0o644)
            desk.write(P256.Signing.PrivateKey().pemRepresentation, to: "private.pem")
            let listen = ["--listen", "127.0.0.1:0"]
            let tls = listen + ["--tls-certificate", desk("certificate.pem"), "--tls-key", desk("key.pem")]
            for (options, status, says) in [
                (["--token-keys", "k"], 64, "--listen"), (listen, 64, "--tls-certificate"), (tls, 64, "--token-keys"),
                (["--listen", "nowhere"] + tls.dropFirst(2) + ["--gateway-ca", "c"], 64, "host:port"),
                (tls + ["--token-keys", "nothing"], 78, "can be read by others"),
                (["--metrics", "0.0.0.0:1"], 64, "--metrics-public"), (["--metrics", "here"], 64, "127.0.0.1:9464"),
            ] as [([String], Int32, String)] {
                let serve = ["serve", "--home", stage.home, "--socket", stage.socket] + options
                let ended = try await desk.run(.vault, serve)
                #expect(ended.status == status && ended.errors.contains(says), "\(options): \(ended.errors)")
            }
            chmod(desk("key.pem"), 0o600)
            for (file, says) in [("nothing", "cannot be read"), (desk("private.pem"), "private key")] {
                let serve = ["serve", "--home", stage.home] + tls + ["--token-keys", file]
                let ended = try await desk.run(.vault, serve)
                #expect(ended.status == 64 && ended.errors.contains(says), "\(ended.errors)")
            }
        }
    }

    private func eventuallyReady(_ expected: Bool, _ port: Int) async throws {
        let last = ContinuousClock.now + .seconds(60)
        while try await text("/readyz", at: port).contains(" 200 OK") != expected {
            try #require(ContinuousClock.now < last, "readiness does not follow the chip")
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// The whole answer to a request.
    private func text(
        _ path: String, method: String = "GET", at port: Int
    ) async throws -> String {
        let peer = try TCPPeer(port)
        peer.send("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return String(decoding: try await peer.hear(), as: UTF8.self)
    }
}
