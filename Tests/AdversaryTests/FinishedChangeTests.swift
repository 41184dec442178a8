import DeviceTestSupport
import Foundation
import Passwords
import Secrets
import Testing
import VaultAPI
import VaultClient

/// A change of password whose last message was lost, and that a recovery on the same device finishes.
@Suite(.timeLimit(.minutes(5))) struct FinishedChangeTests {
    @Test("`tenpin recover` that finishes a change shows the new key's generation and the new slot's guesses")
    func recover() async throws {
        try await Scene.with { scene in
            #expect(try await scene.enroll(0, limit: 3, .none) == .done)
            let old = scene.people[0].password
            try await changeWithoutCommit(scene)
            let ended = try await scene.stage.at("device-0", "recover", "person-0", password: old, "--json")
            #expect(ended.status == 0, "\(ended.errors)")
            let shown = try #require(try JSONSerialization.jsonObject(with: Data(ended.bytes)) as? [String: Any])
            #expect(shown["generation"] as? Int == 2)
            #expect(shown["olderKeys"] as? Int == 1)
            #expect(shown["guessesLeft"] as? Int == 5)
        }
    }

    private func changeWithoutCommit(_ scene: Scene) async throws {
        let courier = HostileCourier(try SocketDialer(scene.stage.socket)) { call in
            call.method == Commit.name ? .loseCall : .carry
        }
        let link = try await VaultLink.open(courier, trust: scene.trust, retryDelays: [])
        var device = try Device(scene.people[0].account, in: scene.people[0].home)
        let password = try Password(utf8: SecretBytes(copying: Array("another password".utf8).span))
        let choice = try EnrollmentChoice(limit: 5, parameters: Argon2id.Parameters(memoryKiB: 65_536, passes: 3))
        await #expect(throws: VaultClientError.self) {
            try await device.changePassword(at: link, to: password, choice: choice)
        }
        #expect(device.state.pending != nil)
        await link.close()
    }
}
