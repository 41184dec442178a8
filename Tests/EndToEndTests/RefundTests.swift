import DeviceTestSupport
import Synchronization
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// The bound: whatever the vault's program does with the messages, and whenever its operator guesses, the operator has had
/// at most `limit` evaluations, however often the person recovered.
@Suite struct RefundTests {
    /// What the courier does with a refund.
    enum Trick: CaseIterable, Sendable {
        case nothing
        /// Each signed ceiling is sent to the vault twice.
        case replayed
        /// The reply to each signed ceiling is lost, so that the device signs it again.
        case replyLost
        /// Each signed ceiling waits until the operator has guessed.
        case heldBack
        /// The first signed ceiling waits until the next is written.
        case reordered
        /// The vault forgets what was signed.
        case recordHidden
        /// The vault shows the record of the enrollment for ever.
        case oldestRecordShown
        /// As held back, and the record is hidden too.
        case heldBackAndHidden

        var holdsBack: Bool { self == .heldBack || self == .heldBackAndHidden }
    }

    static let limit: UInt32 = 3
    static let recoveries = 5

    @Test(
        "after five recoveries an operator who guesses at every chance has had at most `limit`",
        arguments: Trick.allCases)
    func bound(trick: Trick) async throws {
        try await World.with { world in
            let alice = try account("alice")
            let device = try await world.enroll(alice, "correct horse", limit: Self.limit)
            let enrollment = try device.enrollment()
            let courier = try world.courier()
            let oldest = Mutex<JSONValue?>(nil)
            courier.begin { call in
                switch (trick, call.method) {
                case (.replayed, WriteSlot.name): return .carryTwice
                case (.replyLost, WriteSlot.name): return .loseReply
                case (.heldBack, WriteSlot.name), (.heldBackAndHidden, WriteSlot.name): return .holdBack
                case (.reordered, WriteSlot.name):
                    return courier.calls(of: WriteSlot.name).count == 1 ? .holdBack : .carry
                case (.recordHidden, LookUp.name), (.heldBackAndHidden, LookUp.name):
                    return .alter { $0.without(["ceilingRecord"]) }
                case (.oldestRecordShown, LookUp.name):
                    return .alter { reply in
                        let shown = oldest.withLock { kept in
                            kept = kept ?? reply["ceilingRecord"]
                            return kept ?? .null
                        }
                        return reply.setting(["ceilingRecord"], to: shown)
                    }
                default: return .carry
                }
            }

            // Greedy, but for the one guess that lets the person go on: a person locked out refunds nothing.
            var guessed = 0
            func guessAllButOne() async throws {
                while try await world.claimed(alice).guessesLeft > 1 {
                    #expect(try await world.operatorGuesses(alice, enrollment))
                    guessed += 1
                }
            }
            var recovered = 0
            for round in 0..<Self.recoveries {
                try await guessAllButOne()
                if case .recovered = try await world.recover(alice, "correct horse", through: courier) {
                    recovered += 1
                }
                if trick.holdsBack {
                    guessed += try await world.operatorGuessesOn(alice, enrollment)
                    // The chip takes it: the session is alive, and the signature is fresh.
                    #expect(await courier.release().isEmpty)
                }
                if trick == .reordered, round == 1 { #expect(await courier.release().isEmpty) }
            }
            // Every trick leaves the person at least one recovery; what it does not refund, it takes from the operator too.
            #expect(recovered >= 1)
            guessed += try await world.operatorGuessesOn(alice, enrollment)

            #expect(guessed <= Self.limit)
            if trick == .nothing { #expect(guessed == Self.limit && recovered == Self.recoveries) }
            let slot = try await world.independentCount(alice)
            // One evaluation was the enrollment's own.
            #expect(Int(slot.count) == guessed + recovered + 1)
            #expect(slot.ceiling <= Self.limit + 1 + UInt32(recovered))
            #expect(slot.count == slot.ceiling)
        }
    }

    @Test("each verified recovery raises the ceiling by one, a wrong password by none")
    func byOne() async throws {
        try await World.with { world in
            let alice = try account("alice")
            _ = try await world.enroll(alice, "correct horse")
            for round in 1...3 as ClosedRange<UInt32> {
                _ = try await world.recover(alice, "correct horse")
                #expect(try await world.claimed(alice) == SlotCount(count: 2 * round, ceiling: 11 + round))
                _ = try await world.recover(alice, "wrong horse")
                #expect(try await world.claimed(alice) == SlotCount(count: 2 * round + 1, ceiling: 11 + round))
            }
        }
    }

    @Test("two devices that recover at the same moment are refunded no more than two guesses")
    func twoAtOnce() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let device = try await world.enroll(alice, "correct horse", limit: Self.limit)
            let enrollment = try device.enrollment()
            // The second recovers between the first one's reading of the slot and its write.
            let key = try device.key()
            let nested = Mutex<Ending?>(nil)
            let courier = try world.courier()
            courier.begin { call in
                if call.method == WriteSlot.name {
                    let ending = try? await world.recover(alice, "correct horse")
                    nested.withLock { $0 = ending }
                }
                return .carry
            }
            #expect(try await world.recover(alice, "correct horse", through: courier) == .recovered(key))
            #expect(nested.withLock { $0 } == .recovered(key))
            // Both signed the same ceiling; the person lost one refund, the operator won none.
            let slot = try await world.claimed(alice)
            #expect(slot == SlotCount(count: 3, ceiling: Self.limit + 2))
            #expect(try await world.operatorGuessesOn(alice, enrollment) == Int(Self.limit) - 1)
        }
    }

    @Test("a grant adds what the person said and no more, also when its message comes twice")
    func grant() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let device = try await world.enroll(alice, "correct horse", limit: Self.limit)
            let enrollment = try device.enrollment()
            let link = try await world.link(try world.courier { $0.method == WriteSlot.name ? .carryTwice : .carry })
            _ = try await device.grant(2, at: link)
            await link.close()
            #expect(try await world.operatorGuessesOn(alice, enrollment) == Int(Self.limit) + 2)
        }
    }

    @Test("a raise that was held back opens nothing on a slot that was burnt since")
    func heldBackBeforeBurn() async throws {
        try await World.with { world in
            let alice = try account("alice")
            var device = try await world.enroll(alice, "first password", limit: Self.limit)
            let old = try device.enrollment()
            let courier = try world.courier { $0.method == WriteSlot.name ? .holdBack : .carry }
            let first = try await world.link(courier)
            await #expect(throws: VaultClientError.self) { try await device.grant(5, at: first) }

            // The burn is done, and the vault does not forget the enrollment.
            let second = try await world.link(
                try world.courier { $0.method == Forget.name ? .fault(.chipUnavailable) : .carry })
            await #expect(throws: VaultClientError.self) {
                try await device.changePassword(at: second, to: password("second password"), choice: .floor())
            }
            #expect(await courier.release().map(\.reason) == [])
            #expect(try await world.inventory().rows.first { $0.enrollment == old.description }?.count == .max)
            await #expect(throws: (any Error).self) { try await world.operatorGuesses(alice, old) }
        }
    }
}
