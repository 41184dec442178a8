import DeviceTestSupport
import OPRF
import Secrets
import Synchronization
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// A courier that stands in for the vault and answers evaluations with a key of its own.
@Suite struct ImpostorTests {
    /// An evaluation key of the impostor's, which it would search passwords with offline.
    private static func impostor(_ world: World, _ recipe: @escaping @Sendable (JSONValue) -> JSONValue = { $0 }) throws
        -> HostileCourier
    {
        let key = Scalar.random()
        let shared = SharedSecret(key.bigEndian.duplicate())
        return try world.courier { call in
            switch call.method {
            case LookUp.name: return .alter(recipe)
            case Evaluate.name:
                guard let blinded = call.parameters["blinded"]?.bytes, let element = try? Element(sec1: blinded),
                    let scalar = Scalar(bigEndian: shared.bytes.duplicate()),
                    let evaluated = try? element.times(scalar),
                    let answer = try? JSONValue(Evaluate.Reply(evaluated: Bytes(evaluated.sec1), guessesLeft: 9))
                else { return .fault(.chipUnavailable) }
                return .answer(answer)
            default: return .carry
            }
        }
    }

    @Test("an impostor with its own evaluation key learns nothing that depends on the password")
    func nothing() async throws {
        try await World.with { world in
            let alice = try account("alice")
            _ = try await world.enroll(alice, "correct horse")
            // Also when it says what would suit it: the least work, and a confirmation of its own making.
            let recipes: [@Sendable (JSONValue) -> JSONValue] = [
                { $0 }, { $0.setting(["confirmation"], to: .bytes([UInt8](repeating: 7, count: 32))) },
                { $0.setting(["ceilingRecord"], to: .null).setting(["olderKeys"], to: .text("")) },
            ]
            for recipe in recipes {
                let courier = try Self.impostor(world, recipe)
                let link = try await world.link(courier, retries: 2)
                var sent: [[JSONValue]] = []
                for typed in ["correct horse", "battery staple", "x"] {
                    let before = courier.calls.count
                    var device = try world.device(alice)
                    let outcome = try await device.recover(at: link, password: password(typed))
                    #expect(Ending(outcome) == .wrongPassword(guessesLeft: 9))
                    let calls = courier.calls[before...]
                    #expect(calls.map(\.method) == [LookUp.name, Evaluate.name])
                    sent.append(calls.map { $0.parameters.without(["blinded"]) })
                    #expect(calls.last?.parameters["blinded"]?.bytes?.count == 33)
                }
                // All that is left of the messages is the same for every password.
                #expect(Set(sent).count == 1)
                // And the element is fresh each time, for the same password too.
                var device = try world.device(alice)
                _ = try await device.recover(at: link, password: password("x"))
                let elements = courier.calls(of: Evaluate.name).compactMap { $0.parameters["blinded"] }
                #expect(Set(elements).count == 4)
                await link.close()
            }
            #expect(try await world.claimed(alice) == SlotCount(count: 1, ceiling: 11))
        }
    }

    @Test("an impostor that gives back the element itself, another point or none gets nothing either")
    func elements() async throws {
        try await World.with { world in
            let alice = try account("alice")
            _ = try await world.enroll(alice, "correct horse")
            for answer in [
                nil, Element.generator.sec1, [0], [], [UInt8](repeating: 0, count: 33),
                [UInt8](repeating: 2, count: 32),
            ] {
                let courier = try world.courier()
                let link = try await world.link(courier)
                courier.begin { call in
                    guard call.method == Evaluate.name else { return .carry }
                    let element = answer ?? call.parameters["blinded"]?.bytes ?? []
                    return .alter { $0.setting(["evaluated"], to: .bytes(element)) }
                }
                var device = try world.device(alice)
                do {
                    let ending = Ending(try await device.recover(at: link, password: password("correct horse")))
                    guard case .wrongPassword = ending else {
                        Issue.record("\(ending)")
                        continue
                    }
                } catch let error as VaultClientError {
                    #expect(error.guess == .spent)
                }
                #expect(courier.calls.map(\.method) == [LookUp.name, Evaluate.name])
                await link.close()
            }
        }
    }

    @Test("a recipe with any one field changed leads to no signature, and out of range to no evaluation and no memory")
    func recipe() async throws {
        try await World.with { world in
            let alice = try account("alice")
            _ = try await world.enroll(alice, "correct horse", limit: 100)
            let connection = try await world.dialer().connect()
            let served = try JSONValue(try await connection.call(LookUp(account: alice)))
            await connection.close()
            guard let recipe = served["recipe"] else { throw Missing.row }
            var changes: [(JSONValue.Path, JSONValue)] = recipe.leaves.compactMap { path in
                recipe[path].map { (path, $0.altered) }
            }
            #expect(changes.count == 13)
            // What a device judges by itself.
            let outOfRange: [(JSONValue.Path, Int64)] = [
                (["memory"], 0), (["memory"], 65_535), (["memory"], 1_048_577), (["memory"], Int64(UInt32.max)),
                (["passes"], 0), (["passes"], 2), (["passes"], 11), (["passes"], Int64(UInt32.max)),
                (["threshold"], 0), (["threshold"], 2), (["generation"], 0), (["vaults", "0", "limit"], 0),
                (["vaults", "0", "limit"], 1001), (["vaults", "0", "slot"], 0x01C0_0002),
            ]
            changes += outOfRange.map { ($0.0, .number($0.1)) }
            changes.append((["vaults"], .array([])))
            if let entry = recipe["vaults", "0"] { changes.append((["vaults"], .array([entry, entry]))) }
            changes += [
                (["account"], .text("bob")), (["vaults", "0", "authorityHash"], .text("sha256")),
                (["vaults", "0", "evaluationKeyName"], .text("")),
            ]

            for (path, value) in changes {
                let steps = Mutex<[ClientStep]>([])
                let courier = try world.courier()
                let link = try await world.link(courier) { step in steps.withLock { $0.append(step) } }
                courier.begin { call in
                    call.method == LookUp.name ? .alter { $0.setting(["recipe"] + path, to: value) } : .carry
                }
                steps.withLock { $0 = [] }
                var device = try world.device(alice)
                let what = "\(path.joined(separator: ".")) = \(value)"
                do {
                    let ending = Ending(try await device.recover(at: link, password: password("correct horse")))
                    guard case .wrongPassword = ending else {
                        Issue.record("\(what): \(ending)")
                        continue
                    }
                    // Only what the confirmation authenticates comes so far.
                    #expect(
                        [
                            ["generation"], ["memory"], ["passes"], ["vaults", "0", "limit"], ["vaults", "0", "slot"],
                            ["vaults", "0", "evaluationKeyName"],
                        ].contains(path), "\(what)")
                } catch let error as VaultClientError {
                    #expect(error.guess == .notSpent, "\(what)")
                    if case .recipe = error.reason {
                        // Before anything but the question was sent, and before any memory was asked for.
                        #expect(courier.calls.map(\.method) == [LookUp.name], "\(what)")
                        #expect(steps.withLock { $0 } == [], "\(what)")
                    } else {
                        #expect(path == ["enrollment"] && error.reason == .fault(.wrongEnrollment), "\(what)")
                    }
                }
                #expect(courier.calls.allSatisfy { $0.parameters["signature"] == nil }, "\(what)")
                #expect(courier.calls(of: Challenge.name).isEmpty, "\(what)")
                await link.close()
            }
        }
    }

    @Test("a recipe that is not the one of the backup at hand gets no evaluation, however well it is made")
    func pinned() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let device = try await world.enroll(alice, "correct horse")
            guard let pinned = device.state.enrollment?.pin else { throw Missing.enrollment }
            let courier = try world.courier()
            let link = try await world.link(courier)
            var another = try world.device(alice)
            let outcome = try await another.recover(
                at: link, password: password("correct horse"), pinned: pinned)
            #expect(Ending(outcome) == .recovered(try device.key()))
            #expect(pinned.confirmation?.count == 32)
            for change in [\PinnedRecipe.hash[31], \PinnedRecipe.confirmation![31]] {  // 32 bytes, as was just seen
                var other = pinned
                other[keyPath: change] ^= 1
                courier.begin()
                let pin = other
                let error = try await failure {
                    _ = try await another.recover(at: link, password: password("correct horse"), pinned: pin)
                }
                #expect(error?.reason == .recipe(.notThePinned))
                #expect(courier.calls.map(\.method) == [LookUp.name])
            }
            await link.close()
        }
    }
}
