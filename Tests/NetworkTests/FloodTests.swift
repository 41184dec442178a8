import Foundation
import NetworkTestSupport
import ProgramTestSupport
import Synchronization
import TestSupport
import Testing

/// Strangers who try to keep others out of a vault on the network by their number, while a person recovers. All addresses of
/// 127.0.0.0/8 are this machine's, so that the strangers come from where the person does not.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FloodTests {
    @Test("strangers who take every place and drop byte after byte keep nobody out, and spend nothing")
    func slow() async throws {
        try await attacked { network in
            var silent: [TCPPeer] = []
            for number in 0..<80 {
                let peer = try TCPPeer(network.port, from: "127.0.0.\(2 + number / 16)")
                // The beginning of a handshake that never goes on.
                peer.send([22, 3, 1, 2, 0])
                silent.append(peer)
            }
            try? await Task.sleep(for: .milliseconds(500))
            for peer in silent { peer.send([0]) }
        }
    }

    @Test("a stranger who shakes hands and shows junk again and again keeps nobody out, and is soon let in no more")
    func fast() async throws {
        let counts = Mutex((tried: 0, cameIn: 0))
        try await attacked { network in
            let tried = counts.withLock {
                $0.tried += 1
                return $0.tried
            }
            // A slow machine shakes hands more slowly than the pace allows; who only connects comes faster on any.
            if tried <= 5 {
                for _ in 0..<100 { _ = try? TCPPeer(network.port, from: "127.0.0.2") }
            }
            guard let peer = try? await TLSPeer.connect(network.port, .init(source: "127.0.0.2")) else {
                // Who is not let in need not try at once; that would only tell how fast this test is.
                try? await Task.sleep(for: .milliseconds(20))
                return
            }
            counts.withLock { $0.cameIn += 1 }
            _ = try? await peer.present("a.b.c")
            await peer.close()
        }
        let (tried, cameIn) = counts.withLock { $0 }
        #expect(tried > cameIn, "\(cameIn) of \(tried) came in")
    }

    @Test("people with tokens of their own accounts who take every connection keep nobody else out")
    func known() async throws {
        let held = Mutex<[TLSPeer]>([])
        try await attacked { network in
            // More than there are connections, four an account.
            let number = held.withLock { $0.count }
            guard number < 270 else {
                try? await Task.sleep(for: .milliseconds(50))
                return
            }
            guard let peer = try? await TLSPeer.connect(network.port, .init(source: "127.0.0.\(2 + number % 200)"))
            else { return }
            _ = try? await peer.present(network.token("crook \(number / 4)"))
            held.withLock { $0.append(peer) }
        } until: {
            held.withLock { $0.count } >= 270
        }
    }

    /// Alice enrolls. Then she recovers on two new devices, over the network and over the Unix socket, while `attack` runs over
    /// and over, from when it has come far enough on; and her guesses are those that she made.
    private func attacked(
        _ attack: @escaping @Sendable (NetworkStage) async throws -> Void,
        until isUnderWay: @escaping @Sendable () -> Bool = { true }
    ) async throws {
        try await NetworkStage.with { network in
            network.stage.desk.write(try network.token(), to: "token")
            try await network.stage.enroll("phone", "alice", password: "pw")
            try await attack(network)
            let attacker = Task {
                repeat { try await attack(network) } while !Task.isCancelled
            }
            try await eventually("the attack is under way", within: .seconds(60), isUnderWay)
            let far = try await network.at("far", "recover", password: "pw", token: "token")
            #expect(far.status == 0, "\(far.errors)")
            let near = try await network.stage.at("near", "recover", password: "pw")
            #expect(near.status == 0, "\(near.errors)")
            attacker.cancel()
            try await attacker.value
            let status = try await network.stage.at("near", "status", "alice", password: nil, "--json")
            let report = try #require(
                try JSONSerialization.jsonObject(with: Data(status.bytes)) as? [String: Any], "\(status.errors)")
            // One for the trial of the enrollment, two for the recoveries.
            #expect(report["count"] as? Int == 3 && report["ceiling"] as? Int == 13)
        }
    }
}
