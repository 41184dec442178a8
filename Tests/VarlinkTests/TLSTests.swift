import Foundation
import NetworkTestSupport
import Synchronization
import TestSupport
import Testing

@testable import Varlink

/// A server on the network, and what peers try there before anybody knows who they are.
@Suite(.timeLimit(.minutes(2))) struct TLSTests {
    private static let who = "{\"method\":\"org.example.Ping.Ping\",\"parameters\":{\"ping\":\"a\"}}"

    /// What a conversation of the test's does with the first call.
    private struct Introducing: VarlinkConversation {
        let peer: RemotePeer
        let name: String
        let duration: Duration

        func handle(_ call: VarlinkCall) async -> VarlinkReply {
            do throws(TransportFault) {
                try await peer.introduce(as: name, for: duration)
            } catch {
                peer.endAfterReply()
                return error.reply
            }
            return .encoding(["gateway": peer.isGateway])
        }

        func ended() async {}
    }

    private struct Site {
        let folder: String
        let server: VarlinkServer
        let identity: TLSIdentity
        let authority: PaperSite
        var port: Int { Int(server.path.split(separator: ":").last ?? "") ?? 0 }
        func file(_ name: String) -> String { "\(folder)/\(name)" }
        func write(_ text: String, to name: String, mode: Int = 0o600) throws {
            try Data(text.utf8).write(to: URL(filePath: file(name)))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file(name))
        }
    }

    /// Time enough at the door, however busy the machine is.
    private static let patient = {
        var limits = VarlinkLimits()
        limits.introductionDeadline = .seconds(400)
        return limits
    }()

    private func withSite(
        _ limits: VarlinkLimits = patient, staying: Duration = .seconds(60), _ body: (Site) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            let authority = try PaperSite()
            let pair = try authority.issue(["localhost", "vault.example"], addresses: [[127, 0, 0, 1]])
            for (name, text) in [("ca", try authority.pem), ("certificate", pair.certificate), ("key", pair.key)] {
                try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(folder)/\(name)")
            }
            let identity = try TLSIdentity(
                .init(
                    certificate: "\(folder)/certificate", key: "\(folder)/key", gatewayAuthority: "\(folder)/ca"))
            let place = try #require(NetworkPlace("127.0.0.1:0"))
            let server = try await VarlinkServer.start(
                at: place, identity: identity, service: PingService.service, limits: limits
            ) { Introducing(peer: $0, name: "alice", duration: staying) }
            defer { Task { await server.shutdown(within: .seconds(5)) } }
            try await body(
                Site(folder: folder, server: server, identity: identity, authority: authority))
        }
    }

    @Test("a client that believes the authority gets through by name and by address")
    func client() async throws {
        try await withSite { site in
            let trust = try TLSTrust(authorities: site.file("ca"))
            for host in ["localhost", "127.0.0.1"] {
                let client = try await VarlinkClient.connect(
                    to: VarlinkAddress("tls:\(host):\(site.port)"), trust: trust)
                let reply = try await client.call("org.example.Ping.Ping", json: Data("{}".utf8))
                #expect(String(decoding: reply, as: UTF8.self) == #"{"gateway":false}"#)
                await client.close()
            }
        }
    }

    @Test("a client says nothing to a server of an authority that it does not believe, or of another name")
    func untrusted() async throws {
        try await withSite { site in
            try site.write(try PaperSite("Another site").pem, to: "other ca")
            let address = try VarlinkAddress("tls:127.0.0.1:\(site.port)")
            for trust in [try TLSTrust(authorities: site.file("other ca")), try TLSTrust()] {
                await #expect(
                    throws: VarlinkClientError.untrusted(
                        place: address.description,
                        reason: "its certificate is not of an authority that is believed here")
                ) { try await VarlinkClient.connect(to: address, trust: trust) }
            }
            // The same server under a name that its certificate does not have.
            let pair = try site.authority.issue(["elsewhere.example"], addresses: [[127, 0, 0, 2]])
            try site.write(pair.certificate, to: "certificate")
            try site.write(pair.key, to: "key")
            try site.identity.reload()
            let trust = try TLSTrust(authorities: site.file("ca"))
            for host in ["localhost", "127.0.0.1"] {
                let address = try VarlinkAddress("tls:\(host):\(site.port)")
                await #expect(
                    throws: VarlinkClientError.untrusted(
                        place: address.description, reason: "its certificate is for another name")
                ) { try await VarlinkClient.connect(to: address, trust: trust) }
            }
        }
    }

    @Test("TLS 1.2, plain text and a certificate of another authority get nowhere")
    func refused() async throws {
        try await withSite { site in
            await #expect(throws: HarnessError.self) { try await TLSPeer.connect(site.port, .init(newest: .tlsv12)) }
            let plain = try TCPPeer(site.port)
            plain.send(Self.who + "\0")
            #expect(await plain.hearsNothing())
            // In TLS 1.3 the client learns of the refusal when it waits for an answer.
            let pair = try PaperSite("Another site").issue(["gateway"], isClient: true)
            let peer = try await TLSPeer.connect(site.port, .init(pair: pair))
            #expect(try await peer.call(Self.who) == nil)
            let gateway = try await TLSPeer.connect(
                site.port, .init(pair: try site.authority.issue(["gateway"], isClient: true)))
            #expect(try await (gateway.call(Self.who)?["parameters"] as? [String: Bool])?["gateway"] == true)
        }
    }

    @Test("whoever takes too long over the handshake is cut off")
    func slow() async throws {
        var limits = VarlinkLimits()
        limits.introductionDeadline = .milliseconds(300)
        try await withSite(limits) { site in
            let silent = try TCPPeer(site.port)
            // The beginning of a handshake record, and then a byte whenever the server might lose patience.
            let slow = try TCPPeer(site.port)
            slow.send([22, 3, 1, 2, 0])
            #expect(await silent.hearsNothing())
            #expect(await slow.hearsNothing { slow.send([0]) })
        }
    }

    @Test("whoever talks without saying who it is, is told so and cut off")
    func talker() async throws {
        var limits = Self.patient
        limits.introductionDeadline = .seconds(3)
        try await withSite(limits) { site in
            let talker = try await TLSPeer.connect(site.port)
            try await talker.send(Array("{\"method\":\"org.varlink.service.GetInfo\"}\0".utf8))
            var last: String?
            while let reply = try await talker.receive() { last = reply["error"] as? String }
            #expect(last == "org.tenpin.Transport.IntroductionOver")
        }
    }

    @Test("a connection ends when the time is over for which it was introduced, and a call under way is answered")
    func expiry() async throws {
        try await withSite(staying: .milliseconds(300)) { site in
            let peer = try await TLSPeer.connect(site.port)
            #expect(try await peer.call(Self.who)?["parameters"] != nil)
            #expect(try await peer.receive()?["error"] as? String == "org.tenpin.Transport.IntroductionOver")
            #expect(try await peer.receive() == nil)
        }
    }

    @Test("strangers have few places of an address, and one that they leave is free again")
    func strangers() async throws {
        var limits = Self.patient
        limits.strangersPerAddress = 3
        try await withSite(limits) { site in
            var strangers: [TLSPeer] = []
            for _ in 0..<3 { strangers.append(try await TLSPeer.connect(site.port)) }
            await #expect(throws: (any Error).self) { try await TLSPeer.connect(site.port) }
            #expect(site.server.connections == 3)
            // Who is known leaves the door, and others come in.
            #expect(try await strangers[0].call(Self.who)?["parameters"] != nil)
            strangers.append(try await TLSPeer.connect(site.port))
            #expect(site.server.connections == 4)
        }
    }

    @Test("whoever connects and hangs up again and again has no handshake made for him in the end")
    func handshakes() async throws {
        var limits = Self.patient
        (limits.arrivalsAtOnce, limits.arrivalsPerSecond) = (5, 0.001)
        try await withSite(limits) { site in
            for _ in 0..<5 {
                let peer = try await TLSPeer.connect(site.port, .init(source: "127.0.0.2"))
                await peer.close()
            }
            await #expect(throws: (any Error).self) {
                try await TLSPeer.connect(site.port, .init(source: "127.0.0.2"))
            }
            #expect(try await TLSPeer.connect(site.port).call(Self.who)?["parameters"] != nil)
        }
    }

    @Test("one who is known by name has few places, wherever it comes from")
    func named() async throws {
        var limits = Self.patient
        limits.connectionsPerName = 2
        try await withSite(limits) { site in
            var known: [TLSPeer] = []
            for _ in 0..<2 {
                known.append(try await TLSPeer.connect(site.port))
                #expect(try await known.last?.call(Self.who)?["parameters"] != nil)
            }
            let third = try await TLSPeer.connect(site.port)
            #expect(try await third.call(Self.who)?["error"] as? String == "org.tenpin.Transport.TooManyConnections")
            #expect(try await third.receive() == nil)
        }
    }

    @Test("a message that is too large ends the connection, also where it comes in one piece with others")
    func oversized() async throws {
        try await withSite { site in
            for message in [String(repeating: " ", count: 70_000), String(repeating: " ", count: 4_000_000)] {
                let peer = try await TLSPeer.connect(site.port)
                let reply = try await peer.call(message)
                #expect(reply == nil || reply?["error"] as? String == "org.tenpin.Transport.MessageTooLarge")
                #expect(try await peer.receive() == nil)
            }
        }
    }

    @Test("a shutdown answers the calls of those who are known and sends strangers away")
    func shutdown() async throws {
        try await withSite { site in
            let known = try await TLSPeer.connect(site.port)
            #expect(try await known.call(Self.who)?["parameters"] != nil)
            let stranger = try await TLSPeer.connect(site.port)
            // For the server the handshake is complete only now.
            _ = try await stranger.call("{\"method\":\"org.varlink.service.GetInfo\"}")
            let silent = try TCPPeer(site.port)
            #expect(await site.server.shutdown(within: .seconds(20)))
            #expect(try await known.receive()?["error"] as? String == "org.tenpin.Transport.ShuttingDown")
            #expect(try await stranger.receive()?["error"] as? String == "org.tenpin.Transport.ShuttingDown")
            #expect(await silent.hearsNothing())
        }
    }

    @Test("a key that others can read, or that is not the certificate's, is refused; a bad reload changes nothing")
    func files() async throws {
        try await withSite { site in
            let files = TLSIdentity.Files(certificate: site.file("certificate"), key: site.file("key"))
            for mode in [0o644, 0o660, 0o602] {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: files.key)
                #expect(throws: TLSFault.readableByOthers(files.key)) { try TLSIdentity(files) }
            }
            try site.write(try site.authority.issue(["x"]).key, to: "key", mode: 0o640)
            #expect(throws: TLSFault.doNotFit(certificate: files.certificate, key: files.key)) {
                try TLSIdentity(files)
            }
            #expect(throws: TLSFault.doNotFit(certificate: files.certificate, key: files.key)) {
                try site.identity.reload()
            }
            let peer = try await TLSPeer.connect(site.port)
            #expect(try await peer.call(Self.who)?["parameters"] != nil)
            #expect(throws: TLSFault.unreadable(site.file("none"), "a certificate")) {
                try TLSTrust(authorities: site.file("none"))
            }
        }
    }

    @Test(
        "a place on the network is a name or an address and a port, and nothing else",
        arguments: [
            ("vault.example:7443", "vault.example:7443"), ("Vault.Example:1", "vault.example:1"),
            ("192.0.2.7:65535", "192.0.2.7:65535"), ("[2001:DB8::7]:7443", "[2001:db8::7]:7443"),
            ("vault.example", nil),
            ("vault.example:", nil), (":7443", nil), ("a:b:1", nil), ("2001:db8::7:7443", nil), ("[vault]:1", nil),
            ("vault:65536", nil), ("vault:+1", nil), ("vault:-1", nil), ("va ult:1", nil), ("vault/:1", nil),
            ("vault:1 ", nil), ("user@vault:1", nil),
        ] as [(String, String?)])
    func places(_ text: String, _ expected: String?) {
        #expect(NetworkPlace(text)?.description == expected)
    }
}
