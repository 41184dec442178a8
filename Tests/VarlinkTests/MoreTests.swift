import Foundation
import Testing

@testable import Varlink

@Suite("calls with more", .timeLimit(.minutes(2))) struct MoreTests {
    static func count(_ number: Int, more: Bool = true, padding: Int = 0) -> String {
        #"{"method":"org.example.Ping.Count","parameters":{"to":\#(number),"padding":\#(padding)},"more":\#(more)}"#
            + "\0"
    }

    @Test("all replies but the last say that another comes, and the connection goes on")
    func several() async throws {
        try await withServer { server, _ in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(Self.count(3) + Self.count(3, more: false) + Self.count(1))
            for expected in [
                #"{"continues":true,"parameters":{"number":1,"padding":""}}"#,
                #"{"continues":true,"parameters":{"number":2,"padding":""}}"#,
                #"{"parameters":{"number":3,"padding":""}}"#, #"{"parameters":{"number":3,"padding":""}}"#,
                #"{"parameters":{"number":1,"padding":""}}"#,
            ] {
                #expect(try await peer.receive() == expected)
            }
        }
    }

    @Test("a peer that does not read is cut off in time, and its conversation ends once, after its call")
    func slowReader() async throws {
        var limits = VarlinkLimits()
        limits.writeDeadline = .milliseconds(300)
        try await withServer(limits: limits) { server, service in
            let peer = try RawPeer.connect(to: server.path)
            // Far more than any socket holds.
            try await peer.send(Self.count(100_000, padding: 50_000))
            try await service.wait(for: "ended")
            #expect(service.events.count == 2)
            #expect(service.events.first?.hasPrefix("gone at ") == true)
        }
    }

    @Test("a peer that hangs up ends the replies")
    func hangsUp() async throws {
        try await withServer { server, service in
            do {
                let peer = try RawPeer.connect(to: server.path)
                try await peer.send(Self.count(1_000_000_000))
                _ = try await peer.receive()
            }
            try await service.wait(for: "ended")
            #expect(service.events.first?.hasPrefix("gone at ") == true)
        }
    }

    @Test("a reply that is too large is not sent, and the call ends with an error")
    func tooLarge() async throws {
        try await withServer { server, service in
            let peer = try RawPeer.connect(to: server.path)
            try await peer.send(Self.count(3, padding: 65_500))
            #expect(try await peer.receive() == #"{"error":"org.example.Ping.Refused","parameters":{"code":1}}"#)
            #expect(service.events == ["unusable at 1"])
        }
    }
}
