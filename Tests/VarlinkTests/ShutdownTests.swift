import Foundation
import Testing

@testable import Varlink

@Suite("a Varlink server's end", .timeLimit(.minutes(5)))
struct ShutdownTests {
    static let shuttingDown = #"{"error":"org.tenpin.Transport.ShuttingDown","parameters":{}}"#

    @Test("a call under way is finished and answered, one behind it is not begun, and nobody new gets in")
    func finishes() async throws {
        try await withServer { server, service in
            let busy = try RawPeer.connect(to: server.path)
            let idle = try RawPeer.connect(to: server.path)
            try await idle.send(ServerTests.ping + "\0")
            #expect(try await idle.receive() == ServerTests.pong)
            try await busy.send("{\"method\":\"org.example.Ping.Hold\"}\0" + ServerTests.ping + "\0")
            try await service.wait(for: "hold")
            let ending = Task { await server.shutdown(within: .seconds(10)) }
            #expect(try await idle.receive() == Self.shuttingDown)
            #expect(try await idle.receive() == nil)
            #expect(throws: (any Error).self) { try RawPeer.connect(to: server.path) }
            service.open()
            #expect(try await busy.receive() == #"{"parameters":{}}"#)
            #expect(try await busy.receive() == Self.shuttingDown)
            #expect(try await busy.receive() == nil)
            #expect(await ending.value)
            #expect(service.events.sorted() == ["ended", "ended", "hold", "ping a"])
            let folder = URL(filePath: server.path).deletingLastPathComponent().path
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [], "socket and lock are removed")
        }
    }

    @Test("a call that takes too long loses its connection at the deadline, and its conversation still ends once")
    func deadline() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send("{\"method\":\"org.example.Ping.Hold\"}\0")
            try await service.wait(for: "hold")
            let begun = ContinuousClock.now
            #expect(await server.shutdown(within: .milliseconds(200)) == false)
            #expect(ContinuousClock.now - begun < .seconds(30))
            #expect(try await peer.receive() == nil)
            #expect(service.events == ["hold"])
            service.open()
            try await service.wait(for: "ended")
            #expect(await server.shutdown(within: .seconds(5)), "a second time it finds nothing left")
            #expect(service.events == ["hold", "ended"])
        }
    }
}
