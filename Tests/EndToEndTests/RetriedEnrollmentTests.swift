import DeviceTestSupport
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// An enrollment that fails and is begun again never refills anyone's guesses.
@Suite struct RetriedEnrollmentTests {
    static let limit: UInt32 = 2

    /// The number of messages of an undisturbed enrollment.
    static func length(_ world: World) async throws -> Int {
        let courier = try world.courier()
        let link = try await world.link(courier)
        courier.begin()
        var device = try world.device(account("undisturbed"))
        try await device.enroll(at: link, password: password("a password"), choice: .floor(limit: limit))
        await link.close()
        return courier.calls.count
    }

    @Test(
        "whichever message of an enrollment is lost, a second attempt leaves one enrollment, and nobody ever has more guesses",
        arguments: [(Loss.reply, true), (.reply, false), (.call, true)])
    func lost(loss: Loss, forGood: Bool) async throws {
        try await World.with { world in
            let length = try await Self.length(world)
            #expect(length > 12)
            for number in 0..<length {
                let person = try account("person \(number)")
                let courier = try world.courier()
                let link = try await world.link(courier, retries: forGood ? 0 : 1)
                courier.lose(loss, at: number, forGood: forGood)
                var device = try world.device(person)
                let error = try await failure {
                    try await device.enroll(
                        at: link, password: password("a password"), choice: .floor(limit: Self.limit))
                }
                #expect(courier.firstWrites.allSatisfy { $0.value.count == 1 }, "message \(number)")
                let first = courier.reserved
                let isPending = device.state.pending != nil
                if forGood { #expect(error != nil) }
                guard error != nil else { continue }

                // Before the person tries again, the operator takes what is there to take.
                let guessed = try await Self.guesses(world, person, first)
                #expect(guessed <= Int(Self.limit), "message \(number)")
                courier.begin()
                if isPending {
                    try await device.finish(at: link)
                    #expect(try device.enrollment() == first)
                    #expect(courier.firstWrites.isEmpty)
                } else {
                    try await world.enrollAgain(&device, at: link, "a password", limit: Self.limit)
                    #expect(try device.enrollment() != first)
                    #expect(courier.firstWrites.count == 1 && courier.firstWrites.allSatisfy { $0.value.count == 1 })
                    #expect(try await Self.guesses(world, person, first) == 0, "message \(number)")
                }
                await link.close()
            }
            let inventory = try await world.inventory()
            #expect(inventory.rows.count == length + 1)
            #expect(inventory.rows.allSatisfy { $0.state == "live" })
            #expect(inventory.agrees)
        }
    }

    /// The attack: 1. the last step has arrived; 2. somebody on the way cuts the connection and answers the next one with a
    /// certificate of their own, or the token ends just then; 3. the device gives up what is live, and later burns it.
    @Test(
        "whoever answers instead of the vault after the last step has arrived, the enrollment is finished later and not given up",
        arguments: [
            VaultClientError.Reason.serverNotProven("tls:vault.example:7443", "another name"),
            .access(.tokenExpired), .state(.readableByOthers("token")),
        ])
    func another(reason: VaultClientError.Reason) async throws {
        try await World.with { world in
            let courier = try world.courier()
            let link = try await world.link(courier, retries: 1)
            courier.begin { call in
                call.method == Commit.name ? .loseReplyAfter { courier.die(reason) } : .carry
            }
            var device = try world.device(account("alice"))
            let error = try await failure {
                try await device.enroll(at: link, password: password("a password"), choice: .floor(limit: Self.limit))
            }
            #expect(error?.reason == .exposed(limit: Self.limit, by: .noReply))
            let pending = try #require(device.state.pending?.recipe.enrollment)
            courier.begin()
            try await device.finish(at: link)
            #expect(try device.enrollment() == pending && device.state.toBurn.isEmpty)
            await link.close()
        }
    }

    /// How often the operator can have an attempt's key evaluated.
    private static func guesses(_ world: World, _ person: Account, _ enrollment: EnrollmentID?) async throws -> Int {
        guard let enrollment else { return 0 }
        do {
            return try await world.operatorGuessesOn(person, enrollment)
        } catch let error as VaultClientError {
            // There is nothing to evaluate with.
            guard [.fault(.unknownAccount), .fault(.wrongEnrollment)].contains(error.reason) else { throw error }
            return 0
        }
    }

    @Test("a vault that did the first write and says that it failed gets no second signature")
    func denied() async throws {
        try await World.with { world in
            for fault: VaultFault in [
                .busy, .sessionGone, .refusedByChip, .chipUnavailable, .slotGone, .storeUnavailable,
            ] {
                let courier = try world.courier()
                let link = try await world.link(courier, retries: 2)
                courier.begin { $0.method == WriteSlot.name ? .deny(fault) : .carry }
                var device = try world.device(account("denied \(fault.rawValue)"))
                let error = try await failure {
                    try await device.enroll(
                        at: link, password: password("a password"), choice: .floor(limit: Self.limit))
                }
                #expect(error?.reason == .fault(fault))
                #expect(courier.calls(of: WriteSlot.name).count == 1)
                #expect(courier.calls(of: Commit.name).isEmpty)
                #expect(device.state.pending == nil && device.state.enrollment == nil)
                await link.close()
            }
        }
    }

    @Test("a slot that somebody used before its first test is given up")
    func counted() async throws {
        try await World.with { world in
            for before in 0...2 {
                let person = try account("counted \(before)")
                let courier = try world.courier()
                let link = try await world.link(courier)
                courier.begin { call in
                    guard call.method == Evaluate.name else { return .carry }
                    guard let id = courier.reserved else { return .carry }
                    for _ in 0..<before { _ = try? await world.operatorGuesses(person, id) }
                    return .carry
                }
                var device = try world.device(person)
                let error = try await failure {
                    try await device.enroll(at: link, password: password("a password"), choice: .floor(limit: 3))
                }
                #expect(error?.reason == (before == 0 ? nil : .evaluationNotCounted))
                await link.close()
            }
        }
    }
}
