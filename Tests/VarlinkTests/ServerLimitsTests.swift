import Foundation
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Varlink

/// The names of those that had to go.
private final class Gone: Sendable {
    private let all = Mutex<[String]>([])
    var names: [String] { all.withLock { $0 } }
    func note(_ name: String) { all.withLock { $0.append(name) } }
}

@Suite("a Varlink server's limits", .timeLimit(.minutes(5)))
struct ServerLimitsTests {
    static let tooLarge = #"{"error":"org.tenpin.Transport.MessageTooLarge","parameters":{"limit":1000}}"#

    static func ping(bytes: Int) -> String {
        let empty = #"{"method":"org.example.Ping.Ping","parameters":{"ping":""}}"#
        let text = String(repeating: "x", count: bytes - empty.utf8.count)
        return #"{"method":"org.example.Ping.Ping","parameters":{"ping":"\#(text)"}}"#
    }

    @Test("a message of exactly the limit is taken, one byte more is answered with an error and the end")
    func oversized() async throws {
        var limits = VarlinkLimits()
        limits.messageBytes = 1000
        try await withServer(limits: limits) { server, _ in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(Self.ping(bytes: 1000) + "\0")
            #expect(try await peer.receive()?.contains("pong") == true)
            try await peer.send(Self.ping(bytes: 1001) + "\0")
            #expect(try await peer.receive() == Self.tooLarge)
            #expect(try await peer.receive() == nil)
        }
    }

    @Test("a message without an end is refused as soon as it is too large")
    func endless() async throws {
        var limits = VarlinkLimits()
        limits.messageBytes = 1000
        try await withServer(limits: limits) { server, _ in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(Self.ping(bytes: 1001))
            #expect(try await peer.receive() == Self.tooLarge)
            let flooding = try RawPeer.connect(to: server.path)
            #expect(try await flooding.send([UInt8](repeating: 0x20, count: 4_000_000)) == false, "it was cut off")
        }
    }

    @Test("a message must be complete in time from its first byte on, while others are served")
    func slowSender() async throws {
        var limits = VarlinkLimits()
        limits.messageDeadline = .milliseconds(400)
        try await withServer(limits: limits) { server, service in
            let slow = try RawPeer.connect(to: server.path)
            let other = try RawPeer.connect(to: server.path)
            let begun = ContinuousClock.now
            let dripping = Task {
                for byte in Array(ServerTests.ping.utf8) {
                    guard try await slow.send([byte]) else { return true }
                    try await Task.sleep(for: .milliseconds(50))
                }
                return false
            }
            for _ in 0..<5 {
                try await other.send(ServerTests.ping + "\0")
                #expect(try await other.receive() == ServerTests.pong)
            }
            #expect(
                try await slow.receive() == #"{"error":"org.tenpin.Transport.MessageTimedOut","parameters":{}}"#)
            #expect(try await slow.receive() == nil)
            #expect((Duration.milliseconds(380)...Duration.seconds(60)).contains(ContinuousClock.now - begun))
            #expect(try await dripping.value, "it was cut off in the midst of its message")
            try await other.send(ServerTests.ping + "\0")
            #expect(try await other.receive() == ServerTests.pong)
        }
    }

    @Test("the clock of a message that came with the one before starts when that is answered")
    func partOfTheNext() async throws {
        var limits = VarlinkLimits()
        limits.messageDeadline = .milliseconds(200)
        try await withServer(limits: limits) { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send("{\"method\":\"org.example.Ping.Hold\"}\0{")
            try await service.wait(for: "hold")
            try await Task.sleep(for: .milliseconds(400))
            service.open()
            #expect(try await peer.receive() == #"{"parameters":{}}"#)
            #expect(
                try await peer.receive() == #"{"error":"org.tenpin.Transport.MessageTimedOut","parameters":{}}"#)
        }
    }

    @Test("an idle connection is closed, one with a call under way is not")
    func idle() async throws {
        var limits = VarlinkLimits()
        limits.idleDeadline = .milliseconds(500)
        try await withServer(limits: limits) { server, service in
            let idle = try RawPeer.connect(to: server.path)
            let busy = try RawPeer.connect(to: server.path)
            try await busy.send("{\"method\":\"org.example.Ping.Hold\"}\0")
            try await service.wait(for: "hold")
            #expect(try await idle.receive() == nil)
            try await Task.sleep(for: .milliseconds(600))
            service.open()
            #expect(try await busy.receive() == #"{"parameters":{}}"#)
            #expect(try await busy.receive() == nil)
        }
    }

    @Test("a peer that does not read its replies is cut off")
    func slowReader() async throws {
        var limits = VarlinkLimits()
        limits.writeDeadline = .milliseconds(300)
        try await withServer(limits: limits) { server, service in
            let peer = try RawPeer.connect(to: server.path)
            let call = #"{"method":"org.example.Ping.Large","parameters":{"bytes":60000}}"#
            try await peer.send(String(repeating: call + "\0", count: 50))
            try await service.wait(for: "ended")
        }
    }

    @Test("beyond the number of connections the newest is refused, until one ends")
    func connections() async throws {
        var limits = VarlinkLimits()
        limits.connections = 3
        try await withServer(limits: limits) { server, service in
            let peers = try (0..<3).map { _ in try RawPeer.connect(to: server.path) }
            for peer in peers {
                try await peer.send(ServerTests.ping + "\0")
                #expect(try await peer.receive() == ServerTests.pong)
            }
            let newest = try RawPeer.connect(to: server.path)
            #expect(
                try await newest.receive()
                    == #"{"error":"org.tenpin.Transport.TooManyConnections","parameters":{"limit":3}}"#)
            #expect(try await newest.receive() == nil)
            let client = try await VarlinkClient.connect(to: VarlinkAddress(server.path))
            let error = await #expect(throws: VarlinkClientError.self) { try await client.call("org.example.Ping.Who") }
            #expect(error?.remoteParameters([String: Int].self) == ["limit": 3])
            guard case .remote("org.tenpin.Transport.TooManyConnections", _)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            peers[0].close()
            try await service.wait(for: "ended")
            // The place is given back just after the conversation's end.
            var reply: String?
            for _ in 0..<100 where reply != ServerTests.pong {
                try await Task.sleep(for: .milliseconds(20))
                let next = try RawPeer.connect(to: server.path)
                try await next.send(ServerTests.ping + "\0")
                reply = try await next.receive()
            }
            #expect(reply == ServerTests.pong)
        }
    }

    @Test("of one user's idle connections the one that was idle longest makes room, and a busy one never")
    func makingRoom() async throws {
        var limits = VarlinkLimits()
        limits.connections = 3
        limits.safelyIdle = .milliseconds(400)
        try await withServer(limits: limits) { server, service in
            let busy = try RawPeer.connect(to: server.path)
            try await busy.send("{\"method\":\"org.example.Ping.Hold\"}\0")
            try await service.wait(for: "hold")
            let (first, second) = (try RawPeer.connect(to: server.path), try RawPeer.connect(to: server.path))
            for peer in [first, second] {
                try await peer.send(ServerTests.ping + "\0")
                #expect(try await peer.receive() == ServerTests.pong)
            }
            // A part of a message is no call.
            try await first.send("{")
            try await Task.sleep(for: .milliseconds(500))
            let newest = try RawPeer.connect(to: server.path)
            try await newest.send(ServerTests.ping + "\0")
            #expect(try await newest.receive() == ServerTests.pong)
            #expect(
                try await first.receive()
                    == #"{"error":"org.tenpin.Transport.TooManyConnections","parameters":{"limit":3}}"#)
            #expect(try await first.receive() == nil)
            try await second.send(ServerTests.ping + "\0")
            #expect(try await second.receive() == ServerTests.pong)
            service.open()
            #expect(try await busy.receive() == #"{"parameters":{}}"#)
        }
    }

    @Test("the user with the most connections makes room for the others, at once")
    func makingRoomForOthers() async throws {
        try await withServer { server, _ in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: server.path).get()
            defer { channel.close(promise: nil) }
            var limits = VarlinkLimits()
            (limits.connections, limits.connectionsPerUser) = (4, 3)
            let registry = ConnectionRegistry(limits: limits)
            let gone = Gone()
            func come(_ name: String, _ uid: UInt32) -> ConnectionRegistry.Ticket? {
                try? registry.admit(
                    .user(uid), channel: channel,
                    asks: ConnectionRegistry.Requests(drain: {}, makeRoom: { gone.note(name) }))
            }
            let crook = (0..<3).compactMap { come("crook \($0)", 1) }
            #expect(crook.count == 3)
            #expect(come("crook 3", 1) == nil, "a user has no more than its places, and takes none of its own")
            #expect(come("alice", 2) != nil)
            #expect(gone.names == [])
            registry.note(crook[0], isIdle: false)
            #expect(come("bob", 3) != nil)
            #expect(gone.names == ["crook 1"], "the first one has a call under way")
            registry.leave(crook[1])
            #expect(come("carol", 4) != nil)
            #expect(gone.names == ["crook 1", "crook 2"])
            registry.leave(crook[2])
            #expect(come("crook 4", 1) == nil, "nobody has more than anybody else now")
        }
    }

    @Test("one user may have fewer connections than all together")
    func connectionsPerUser() async throws {
        var limits = VarlinkLimits()
        limits.connectionsPerUser = 1
        try await withServer(limits: limits) { server, _ in
            let first = try RawPeer.connect(to: server.path)
            try await first.send(ServerTests.ping + "\0")
            #expect(try await first.receive() == ServerTests.pong)
            let second = try RawPeer.connect(to: server.path)
            #expect(try await second.receive()?.contains("TooManyConnections") == true)
        }
    }

    @Test("a peer that closes its half with more calls waiting than one message may be long is told so")
    func tooManyWaiting() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send("{\"method\":\"org.example.Ping.Hold\"}\0")
            try await service.wait(for: "hold")
            try await peer.send(String(repeating: ServerTests.ping + "\0", count: 2000))
            peer.closeSending()
            try await Task.sleep(for: .milliseconds(100))
            service.open()
            #expect(try await peer.receive() == #"{"parameters":{}}"#)
            #expect(
                try await peer.receive()
                    == #"{"error":"org.tenpin.Transport.MessageTooLarge","parameters":{"limit":65536}}"#)
            #expect(try await peer.receive() == nil)
            try await service.wait(for: "ended")
            #expect(service.events == ["hold", "ended"], "none of them was handled")
        }
    }

    @Test("thousands of small calls in one piece neither grow the stack nor lose one")
    func manySmallCalls() async throws {
        try await withServer { server, _ in
            let peer = try RawPeer.connect(to: server.path)
            let count = 5000
            let calls = String(repeating: "{\"method\":\"a.b.C\",\"oneway\":true}\0", count: count)
            try await peer.send(calls + ServerTests.ping + "\0")
            #expect(try await peer.receive() == ServerTests.pong)
        }
    }
}
