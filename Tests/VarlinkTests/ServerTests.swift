import Foundation
import Glibc
import Testing

@testable import Varlink

@Suite("a Varlink server", .timeLimit(.minutes(5)))
struct ServerTests {
    static let ping = #"{"method":"org.example.Ping.Ping","parameters":{"ping":"a"}}"#
    static let pong = #"{"parameters":{"pong":"a"}}"#

    @Test("a call gets its reply, a failing one its error with parameters")
    func roundTrip() async throws {
        try await withServer { server, _ in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(Self.ping + "\0")
            #expect(try await peer.receive() == Self.pong)
            try await peer.send("{\"method\":\"org.example.Ping.Fail\",\"parameters\":{\"code\":7}}\0")
            #expect(try await peer.receive() == #"{"error":"org.example.Ping.Refused","parameters":{"code":7}}"#)
        }
    }

    @Test("a message in single bytes is one call, several in one piece are several calls in their order")
    func splitAndCoalesced() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            for byte in Array((Self.ping + "\0").utf8) { try await peer.send([byte]) }
            #expect(try await peer.receive() == Self.pong)
            let calls = (0..<200).map { "{\"method\":\"org.example.Ping.Ping\",\"parameters\":{\"ping\":\"\($0)\"}}\0" }
            try await peer.send(calls.joined())
            for number in 0..<200 {
                #expect(try await peer.receive() == "{\"parameters\":{\"pong\":\"\(number)\"}}")
            }
            #expect(service.events == ["ping a"] + (0..<200).map { "ping \($0)" })
        }
    }

    @Test("a call is not begun while the one before it is under way")
    func strictlyOneAfterAnother() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send("{\"method\":\"org.example.Ping.Hold\"}\0" + Self.ping + "\0")
            try await service.wait(for: "hold")
            try await Task.sleep(for: .milliseconds(100))
            #expect(service.events == ["hold"])
            service.open()
            #expect(try await peer.receive() == #"{"parameters":{}}"#)
            #expect(try await peer.receive() == Self.pong)
        }
    }

    @Test("while a call is under way the server does not read on: a peer that sends more is not taken in")
    func backPressure() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send("{\"method\":\"org.example.Ping.Hold\"}\0")
            try await service.wait(for: "hold")
            let call = Array((Self.ping + "\0").utf8)
            let flood = Array(repeatElement(call, count: 4_000_000 / call.count).joined())
            let flooding = Task { try await peer.send(flood) }
            var unread: CInt = 0
            for _ in 0..<500 where unread < 50_000 {
                try await Task.sleep(for: .milliseconds(20))
                #expect(ioctl(peer.descriptor, UInt(TIOCOUTQ), &unread) == 0)
            }
            try await Task.sleep(for: .milliseconds(300))
            #expect(ioctl(peer.descriptor, UInt(TIOCOUTQ), &unread) == 0)
            #expect(unread > 50_000, "the kernel holds what was sent, not the server")
            peer.close()
            #expect(try await flooding.value == false)
            service.open()
            try await service.wait(for: "ended")
            #expect(service.events == ["hold", "ended"], "nothing of the flood is handled")
        }
    }

    @Test("a peer that closes its half after its calls gets all replies")
    func halfClosed() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(Self.ping + "\0" + Self.ping + "\0")
            peer.closeSending()
            #expect(try await peer.receive() == Self.pong)
            #expect(try await peer.receive() == Self.pong)
            #expect(try await peer.receive() == nil)
            try await service.wait(for: "ended")
        }
    }

    @Test(
        "a message that is no call is answered once and the connection closed",
        arguments: [
            "", "x", "[]", #"{"method":"org.example.Ping.Ping","method":"org.example.Ping.Ping"}"#,
            #"{"method":"org.example.Ping.Ping","parameters":{"ping":"a","ping":"b"}}"#,
            #"{"method":"org.example.Ping.Ping","parameters":[]}"#, #"{"method":7}"#, "{}", #"{"method":null}"#,
            #"{"method":"org.example.Ping.Ping","more":1}"#, #"{"method":"org.example.Ping.Ping","oneway":"true"}"#,
            #"{"method":"org.example.Ping.Ping","more":true,"oneway":true}"#,
            #"{"method":"org.example.Ping.Ping","parameters":{"ping":[[[[[[[1]]]]]]]}}"#,
        ])
    func malformed(message: String) async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(message + "\0" + Self.ping + "\0")
            let reply = try #require(try await peer.receive())
            #expect(reply.hasPrefix(#"{"error":"org.tenpin.Transport.MessageMalformed","parameters":{"reason":""#))
            #expect(try await peer.receive() == nil)
            try await service.wait(for: "ended")
            #expect(service.events == ["ended"])
        }
    }

    @Test("bytes that are not UTF-8 are refused before any decoder sees them")
    func notUTF8() async throws {
        try await withServer { server, _ in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(Array("{\"method\":\"".utf8) + [0xC0, 0xAF, 0x22, 0x7D, 0])
            #expect(try await peer.receive()?.contains("are not.") == true)
            #expect(try await peer.receive() == nil)
        }
    }

    @Test("a message cut short by the peer's end is no call")
    func truncated() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(Self.ping)
            peer.closeSending()
            #expect(try await peer.receive() == nil)
            try await service.wait(for: "ended")
            #expect(service.events == ["ended"])
        }
    }

    @Test(
        "the standard errors name what they are about",
        arguments: [
            (#"{"method":"org.example.Nope.Ping"}"#, "InterfaceNotFound", #"{"interface":"org.example.Nope"}"#),
            (#"{"method":"org.example.Ping.Nope"}"#, "MethodNotFound", #"{"method":"org.example.Ping.Nope"}"#),
            (#"{"method":"org.varlink.service.Nope"}"#, "MethodNotFound", #"{"method":"org.varlink.service.Nope"}"#),
            (#"{"method":"Ping"}"#, "InvalidParameter", #"{"parameter":"method"}"#),
            (#"{"method":"org.example.Ping.ping"}"#, "InvalidParameter", #"{"parameter":"method"}"#),
            (#"{"method":"org.example.Ping.Ping"}"#, "InvalidParameter", #"{"parameter":"ping"}"#),
            (
                #"{"method":"org.example.Ping.Ping","parameters":{"ping":1}}"#, "InvalidParameter",
                #"{"parameter":"ping"}"#
            ),
            (
                #"{"method":"org.example.Ping.Nest","parameters":{"nested":{"list":[1,"2"]}}}"#, "InvalidParameter",
                #"{"parameter":"nested.list[1]"}"#
            ),
            (
                #"{"method":"org.varlink.service.GetInterfaceDescription","parameters":{}}"#, "InvalidParameter",
                #"{"parameter":"interface"}"#
            ),
            (
                #"{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"a.b"}}"#,
                "InterfaceNotFound", #"{"interface":"a.b"}"#
            ),
            (
                #"{"method":"org.example.Ping.Ping","parameters":{"ping":"a"},"upgrade":true}"#, "MethodNotImplemented",
                #"{"method":"org.example.Ping.Ping"}"#
            ),
        ])
    func standardErrors(call: String, error: String, parameters: String) async throws {
        try await withServer { server, _ in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(call + "\0" + Self.ping + "\0")
            #expect(
                try await peer.receive() == #"{"error":"org.varlink.service.\#(error)","parameters":\#(parameters)}"#)
            #expect(try await peer.receive() == Self.pong, "the connection goes on")
        }
    }

    @Test("a oneway call gets no reply, not even an error; a call with more gets one; null is the same as absent")
    func flags() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(
                #"{"method":"org.example.Ping.Ping","parameters":{"ping":"b"},"oneway":true}"# + "\0"
                    + #"{"method":"org.example.Nope.Ping","oneway":true}"# + "\0"
                    + #"{"method":"org.example.Ping.Ping","parameters":{"ping":"a"},"more":true,"upgrade":null,"x":1}"#
                    + "\0" + #"{"method":"org.varlink.service.GetInfo","parameters":null}"# + "\0")
            #expect(try await peer.receive() == Self.pong)
            let interfaces = #"["org.varlink.service","org.example.Ping","org.tenpin.Transport"]"#
            #expect(
                try await peer.receive() == #"{"parameters":{"interfaces":\#(interfaces),"product":"Ping","#
                    + #""url":"https://example.org","vendor":"Example","version":"1"}}"#)
            #expect(service.events == ["ping b", "ping a"])
        }
    }

    @Test("a reply that is not one JSON object, or is too large, never reaches the peer")
    func unusableReply() async throws {
        try await withServer { server, _ in
            for call in [
                #"{"method":"org.example.Ping.Broken"}"#,
                #"{"method":"org.example.Ping.Large","parameters":{"bytes":65536}}"#,
            ] {
                let peer = try RawPeer.connect(to: server.path)
                try await peer.send(call + "\0")
                #expect(
                    try await peer.receive() == #"{"error":"org.tenpin.Transport.ReplyUnusable","parameters":{}}"#)
                #expect(try await peer.receive() == nil)
            }
        }
    }

    @Test("the conversation is told who the peer is, and the predicate may refuse it")
    func credentials() async throws {
        let me = PingService.Who(uid: Int(getuid()), gid: Int(getgid()), pid: Int(getpid()))
        try await withServer { server, _ in
            let client = try await VarlinkClient.connect(to: VarlinkAddress(server.path))
            let who = try await client.call("org.example.Ping.Who", [String: Int](), returning: PingService.Who.self)
            #expect(who == me)
        }
        try await withServer(admitting: { $0.uid != getuid() }) { server, service in
            let peer = try RawPeer.connect(to: server.path)
            #expect(
                try await peer.receive() == #"{"error":"org.varlink.service.PermissionDenied","parameters":{}}"#)
            #expect(try await peer.receive() == nil)
            #expect(service.events == [], "no conversation was made")
        }
    }

    @Test("a conversation ends exactly once, after its last call, when the peer is gone in the midst of it")
    func endsOnce() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send("{\"method\":\"org.example.Ping.Hold\"}\0")
            try await service.wait(for: "hold")
            peer.close()
            try await Task.sleep(for: .milliseconds(100))
            #expect(service.events == ["hold"])
            service.open()
            try await service.wait(for: "ended")
            for _ in 0..<50 {
                let peer = try RawPeer.connect(to: server.path)
                try await peer.send(Self.ping + "\0" + Self.ping)
                peer.close()
            }
            try await service.wait(for: "ended", count: 51)
            #expect(await server.shutdown(within: .seconds(5)))
            #expect(service.events.count(where: { $0 == "ended" }) == 51)
        }
    }
}
