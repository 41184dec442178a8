import Foundation
import Testing

@testable import Varlink

@Suite("a Varlink client", .timeLimit(.minutes(5)))
struct ClientTests {
    @Test("calls, replies and errors are values on both sides")
    func values() async throws {
        try await withServer { server, _ in
            let client = try await VarlinkClient.connect(to: VarlinkAddress("unix:" + server.path))
            let pong = try await client.call(
                "org.example.Ping.Ping", PingService.Ping(ping: "\u{0}\"\\/é😀"), returning: PingService.Pong.self)
            #expect(pong.pong == "\u{0}\"\\/é😀")
            let error = await #expect(throws: VarlinkClientError.self) {
                try await client.call("org.example.Ping.Fail", PingService.Fail(code: 7))
            }
            #expect(error == .remote(name: "org.example.Ping.Refused", parameters: Data(#"{"code":7}"#.utf8)))
            #expect(error?.remoteParameters(PingService.Fail.self)?.code == 7)
            #expect(
                try await client.call("org.example.Ping.Ping", json: Data(#"{"ping":"x"}"#.utf8))
                    == Data(#"{"pong":"x"}"#.utf8))
        }
    }

    @Test("calls made at once go one after another, each with its own reply")
    func oneAtATime() async throws {
        try await withServer { server, _ in
            let client = try await VarlinkClient.connect(to: VarlinkAddress(server.path))
            try await withThrowingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask {
                        let pong = try await client.call(
                            "org.example.Ping.Ping", PingService.Ping(ping: "\(number)"),
                            returning: PingService.Pong.self)
                        #expect(pong.pong == "\(number)")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("what cannot be sent is refused here, and the connection goes on")
    func unusable() async throws {
        try await withServer { server, _ in
            let client = try await VarlinkClient.connect(to: VarlinkAddress(server.path))
            for (method, parameters) in [
                ("Ping", "{}"), ("org.example.Ping.Ping\",\"x\":\"", "{}"), ("org.example.Ping.Ping", "[]"),
                ("org.example.Ping.Ping", #"{"ping":"a"},"oneway":true"#),
                ("org.example.Ping.Ping", #"{"ping":"\#(String(repeating: "x", count: 65_536))"}"#),
            ] {
                await #expect(throws: VarlinkClientError.unusableCall(method: method)) {
                    try await client.call(method, json: Data(parameters.utf8))
                }
            }
            _ = try await client.call("org.example.Ping.Who")
        }
    }

    @Test("an address is a Unix socket's path and nothing else")
    func addresses() throws {
        #expect(try VarlinkAddress("unix:/run/a").path == "/run/a")
        #expect(try VarlinkAddress("/run/a:b").path == "/run/a:b")
        #expect(try VarlinkAddress("a/b").path == "a/b")
        let long = "/" + String(repeating: "x", count: 107)
        for text in ["", "unix:", "unix:@a", "tcp:127.0.0.1:1", "exec:/bin/sh", "unix:/run/a;mode=0600", "/a\0b", long]
        {
            #expect(throws: VarlinkClientError.badAddress(text)) { try VarlinkAddress(text) }
        }
    }

    @Test("where nobody answers is said with the reason")
    func unreachable() async throws {
        try await withFolder { folder in
            await #expect(
                throws: VarlinkClientError.unreachable(place: "unix:\(folder)/a", reason: "No such file or directory")
            ) {
                _ = try await VarlinkClient.connect(to: VarlinkAddress(folder + "/a"))
            }
            _ = try RawPeer.listen(at: folder + "/b")
            await #expect(
                throws: VarlinkClientError.unreachable(place: "unix:\(folder)/b", reason: "Connection refused")
            ) {
                _ = try await VarlinkClient.connect(to: VarlinkAddress(folder + "/b"))
            }
        }
    }

    /// A server that answers the first call with `bytes`, or says them before it.
    func against(
        _ bytes: [UInt8], ahead: Bool = false, closing: Bool = false, within deadline: Duration = .seconds(60),
        _ body: (VarlinkClient) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            let listener = try RawPeer.listen(at: folder + "/socket")
            let client = try await VarlinkClient.connect(
                to: VarlinkAddress(folder + "/socket"), replyDeadline: deadline)
            let server = try await listener.accept()
            let answering = Task {
                if !ahead { _ = try await server.receive() }
                try await server.send(bytes)
                if closing { server.close() }
            }
            if ahead {
                try await answering.value
                try await Task.sleep(for: .milliseconds(100))
            }
            try await body(client)
            _ = await answering.result
        }
    }

    @Test(
        "what is no reply is refused and the connection closed",
        arguments: [
            "x", "", "[]", #"{"parameters":{},"parameters":{}}"#, #"{"parameters":[]}"#, #"{"error":1}"#,
            #"{"parameters":{},"continues":true}"#, #"{"parameters":{"a":[[[[[[[1]]]]]]]}}"#,
        ])
    func malformed(reply: String) async throws {
        try await against(Array(reply.utf8) + [0]) { client in
            let error = await #expect(throws: VarlinkClientError.self) { try await client.call("a.b.C") }
            guard case .malformed? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            await #expect(throws: VarlinkClientError.closed) { try await client.call("a.b.C") }
        }
    }

    @Test("a reply without an end is given up as soon as it is too large")
    func endless() async throws {
        try await against([UInt8](repeating: 0x20, count: 1_000_000)) { client in
            let error = await #expect(throws: VarlinkClientError.self) { try await client.call("a.b.C") }
            guard case .malformed? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test("a reply that does not come ends the call and the connection, so that it cannot answer the next one")
    func timedOut() async throws {
        try await against(Array(#"{"parameters""#.utf8), within: .milliseconds(300)) { client in
            await #expect(throws: VarlinkClientError.timedOut) { try await client.call("a.b.C") }
            await #expect(throws: VarlinkClientError.closed) { try await client.call("a.b.C") }
        }
    }

    @Test("a connection that ends before the reply is told from one that is refused")
    func closed() async throws {
        try await against([], closing: true) { client in
            await #expect(throws: VarlinkClientError.closed) { try await client.call("a.b.C") }
        }
        let refusal = #"{"error":"org.varlink.service.PermissionDenied"}"#
        try await against(Array(refusal.utf8) + [0], ahead: true, closing: true) { client in
            await #expect(
                throws: VarlinkClientError.remote(
                    name: "org.varlink.service.PermissionDenied", parameters: Data("{}".utf8))
            ) { try await client.call("a.b.C") }
            await #expect(throws: VarlinkClientError.closed) { try await client.call("a.b.C") }
        }
    }

    @Test("a reply sent ahead is not taken as the answer to the next call")
    func sentAhead() async throws {
        try await against(Array("{\"parameters\":{}}\0".utf8), ahead: true) { client in
            await #expect(throws: VarlinkClientError.malformed(reason: "It sent a reply before it was asked.")) {
                try await client.call("a.b.C")
            }
        }
    }

    @Test("a reply of another type than asked for names the member")
    func wrongType() async throws {
        try await against(Array("{\"parameters\":{\"pong\":1}}\0".utf8)) { client in
            await #expect(throws: VarlinkClientError.malformed(reason: "Give `pong` as the interface describes it.")) {
                try await client.call("a.b.C", [String: Int](), returning: PingService.Pong.self)
            }
        }
    }
}
