import DeviceTestSupport
import Foundation
import OPRF
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// How many guesses a person did not make, by the chip's count and this device's memory.
@Suite(.timeLimit(.minutes(2))) struct StatusTests {
    private func status(_ scene: Scene, _ home: DeviceHome) async throws -> AccountStatus.Proven {
        let device = try Device(scene.account, in: home)
        let link = try await scene.link()
        let status = try await device.status(at: link)
        await link.close()
        return try #require(status.proven)
    }

    /// Types a password on the device with this home.
    private func type(
        _ typed: String, _ scene: Scene, _ home: DeviceHome,
        through plan: @escaping HostileCourier.Plan = { _ in .carry }
    ) async throws {
        var device = try Device(scene.account, in: home)
        let link = try await scene.link(plan)
        _ = try await device.recover(at: link, password: Scene.password(typed))
        await link.close()
    }

    @Test("the operator's guesses show up exactly, beside a person who mistypes, recovers and forgets nothing")
    func exactly() async throws {
        try await Scene.with { scene in
            var shown = try await status(scene, scene.home)
            #expect([shown.unproven, shown.mistypedHere, shown.notMade] == [0, 0, 0])
            try await scene.operatorGuesses(1)
            try await type("mistyped", scene, scene.home)
            try await scene.operatorGuesses(1)
            try await type("correct horse", scene, scene.home)
            shown = try await status(scene, scene.home)
            #expect([shown.unproven, shown.mistypedHere, shown.notMade] == [3, 1, 2])

            // A new device mistypes before it knows anything, and remembers it; of the first one's slip it cannot know.
            let second = DeviceHome(scene.home.path + "-2")
            try await type("also mistyped", scene, second)
            try await type("correct horse", scene, second)
            shown = try await status(scene, second)
            #expect([shown.unproven, shown.mistypedHere, shown.notMade] == [4, 1, 3])
        }
    }

    @Test("a recovery whose refund was refused stays this person's; one whose reply was lost is given back")
    func refunds() async throws {
        try await Scene.with { scene in
            try await type("correct horse", scene, scene.home) { call in
                call.method == WriteSlot.name ? .fault(.chipUnavailable) : .carry
            }
            var shown = try await status(scene, scene.home)
            #expect([shown.unproven, shown.mistypedHere, shown.notMade] == [1, 1, 0])
            try await type("correct horse", scene, scene.home) { call in
                call.method == WriteSlot.name ? .loseReply : .carry
            }
            shown = try await status(scene, scene.home)
            #expect([shown.unproven, shown.mistypedHere, shown.notMade] == [1, 1, 0])
        }
    }

    @Test(
        "a vault that answers falsely without counting hides one guess of its own at most, and not from the whole number"
    )
    func lie() async throws {
        try await Scene.with { scene in
            try await scene.operatorGuesses(2)
            let point = Bytes(try Scalar.random().publicKey().sec1)
            try await type("correct horse", scene, scene.home) { call in
                guard call.method == Evaluate.name else { return .carry }
                return .answer((try? JSONValue(Evaluate.Reply(evaluated: point, guessesLeft: 1))) ?? .null)
            }
            let shown = try await status(scene, scene.home)
            #expect([shown.unproven, shown.mistypedHere, shown.notMade] == [2, 1, 1])
        }
    }
}
