import Foundation
import NetworkTestSupport
import ProgramTestSupport
import TestSupport
import Testing

/// What a device far from its vault waits for. `TENPIN_DISTANCES=0,50,100,300` measures at those round trips, in milliseconds,
/// and prints the table of docs/performance.md.
@Suite(.timeLimit(.minutes(10))) struct DistanceTests {
    private static let distances = (ProcessInfo.processInfo.environment["TENPIN_DISTANCES"] ?? "20")
        .split(separator: ",").compactMap { Int($0) }

    /// The most round trips of each command: TCP and TLS take one each, the token one, and the others are calls.
    private static let most = [("enroll", 26), ("recover", 16), ("status", 12)]

    @Test(
        "enrolling, recovering and looking after an account take a fixed number of round trips, however far the vault is"
    )
    func roundTrips() async throws {
        try await NetworkStage.with { network in
            for distance in Self.distances {
                let account = "person \(distance) ms away"
                network.stage.desk.write(try network.token(account), to: "token")
                let relay = try await DistantRelay.start(to: network.port, roundTrip: .milliseconds(distance))
                for (command, most) in Self.most {
                    let (before, begun) = (relay.roundTrips, ContinuousClock.now)
                    let ended = try await network.at(
                        "\(command == "enroll" ? "old" : "new") \(distance)", command, account,
                        password: command == "status" ? nil : "pw", token: "token", through: relay.port,
                        command == "enroll" ? ["--memory", "64", "--passes", "3"] : [])
                    let (time, count) = (ContinuousClock.now - begun, relay.roundTrips - before)
                    #expect(ended.status == 0, "\(command): \(ended.errors)")
                    #expect(count <= most, "\(command)")
                    #expect(time >= .milliseconds(distance * count), "the relay delays")
                    print("| \(command) | \(distance) ms | \(count) | \(time / .seconds(1)) s |")
                }
                await relay.stop()
            }
        }
    }
}
