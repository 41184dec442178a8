import Crypto
import Foundation
import Synchronization
import TPM
import TestSupport
import Testing
import VaultAPI
import VaultTestSupport
import Varlink

@testable import Vault

@Suite("Turns at the vault", .timeLimit(.minutes(5)))
struct TurnTests {
    /// Lets a chip stand still at the next command, until it is opened.
    private final class Gate: Sendable {
        private let opened = DispatchSemaphore(value: 0)
        private let isClosed = Atomic(false)
        private let holds = Atomic(false)

        func close() { isClosed.store(true, ordering: .sequentiallyConsistent) }
        func open() { opened.signal() }

        /// Waits until a command is held.
        func waitForOne() async throws {
            while !holds.load(ordering: .sequentiallyConsistent) { try await Task.sleep(for: .milliseconds(2)) }
        }

        /// Holds the first command that comes while it is closed.
        var plan: ChipRelay.Plan {
            { [self] _ in
                guard isClosed.exchange(false, ordering: .sequentiallyConsistent) else { return .carry }
                holds.store(true, ordering: .sequentiallyConsistent)
                return .carryAfter { [self] in opened.wait() }
            }
        }
    }

    private static func evaluate(
        _ slot: ArmedSlot, blinded: Bytes = PaperDevice.someBlinded
    ) throws -> VarlinkCall {
        let call = Evaluate(account: slot.account, enrollment: slot.enrollment, blinded: blinded)
        return try #require(
            VarlinkCall(
                method: "\(VaultInterface.name).\(Evaluate.name)", parameters: try JSONEncoder().encode(call)))
    }

    private final class Tally: Sendable {
        private let value = Atomic(0)
        var count: Int { value.load(ordering: .relaxed) }
        func add() { value.add(1, ordering: .relaxed) }
    }

    private static func startSession(_ configuration: VaultConfiguration) throws -> VarlinkCall {
        let salt = try Salt(for: PublicArea(tpm2b: configuration.endorsementKey.bytes))
        let call = StartSession(
            kind: .hmac, encryptedSalt: Bytes(salt.encrypted), nonceCaller: Bytes([UInt8](repeating: 1, count: 32)))
        return try #require(
            VarlinkCall(
                method: "\(VaultInterface.name).\(StartSession.name)", parameters: try JSONEncoder().encode(call)))
    }

    @Test("of an account's five hundred calls all but eight are refused, and another account waits for two")
    func flood() async throws {
        try await ServedVault.with { served in
            let (mallory, alice) = (try Account("mallory"), try Account("alice"))
            let slots = try await served.whileStopped {
                [try ArmedSlot(of: mallory, on: served), try ArmedSlot(of: alice, on: served)]
            }
            let gate = Gate()
            try await served.through(gate.plan) { relay in
                let vault = try #require(served.vault)
                relay.begin(gate.plan)
                gate.close()
                let refused = Tally()
                try await withThrowingTaskGroup { group in
                    for connection in 0..<UInt64(500) {
                        let point = P256.KeyAgreement.PrivateKey().publicKey.compressedRepresentation
                        let call = try Self.evaluate(slots[0], blinded: Bytes(Array(point)))
                        group.addTask {
                            let reply = await Conversation(vault, ConnectionID(10_000 + connection)).handle(call)
                            if case .error(VaultFault.busy.wireName, _) = reply { refused.add() }
                        }
                        if connection == 0 { try await gate.waitForOne() }
                    }
                    // One is with the chip, which stands still; eight wait.
                    while refused.count < 500 - 1 - Turns.waitingPerAccount {
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    let call = try Self.evaluate(slots[1])
                    group.addTask {
                        guard case .parameters = await Conversation(vault, ConnectionID(20_000)).handle(call) else {
                            throw HarnessError("the call failed")
                        }
                    }
                    while vault.turns.count < Turns.waitingPerAccount + 1 {
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    gate.open()
                    try await group.waitForAll()
                }
                #expect(refused.count == 500 - 1 - Turns.waitingPerAccount)
                // The guesses, with the slot's handle in the command.
                let guesses = relay.exchanges.filter { $0.command.isA(.policyNV) }.map { exchange in
                    ChipRelay.integer(exchange.command.bytes[14..<18])
                }
                #expect(guesses.count == 1 + Turns.waitingPerAccount + 1)
                let place = try #require(guesses.firstIndex(of: slots[1].handle.rawValue))
                #expect(place <= 2, "\(guesses.count) guesses, hers was number \(place)")
            }
        }
    }

    @Test("a connection that ends is wound up while others keep the vault busy")
    func winding() async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("alice"), on: served) }
            let vault = try #require(served.vault)
            let call = try Self.evaluate(slot)
            let answered = Tally()
            try await withThrowingTaskGroup { group in
                // One at work, the others waiting: the vault never rests.
                for connection in 0..<UInt64(6) {
                    group.addTask {
                        while !Task.isCancelled {
                            guard
                                case .parameters = await Conversation(vault, ConnectionID(10_000 + connection))
                                    .handle(call)
                            else { throw HarnessError("a call failed") }
                            answered.add()
                        }
                    }
                }
                while answered.count < 20 { try await Task.sleep(for: .milliseconds(2)) }
                let before = answered.count
                await vault.ended(ConnectionID(20_000))
                #expect(answered.count - before < 200, "it waited for \(answered.count - before) calls of others")
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test("what the vault says of itself waits for no call and no chip")
    func describing() async throws {
        try await ServedVault.with { served in
            let account = try Account("alice")
            let slot = try await served.whileStopped { try ArmedSlot(of: account, on: served) }
            let gate = Gate()
            try await served.through(gate.plan) { _ in
                let vault = try #require(served.vault)
                gate.close()
                let call = try Self.evaluate(slot)
                async let evaluated = Conversation(vault, ConnectionID(10_000)).handle(call)
                try await gate.waitForOne()
                let client = try await served.connect()
                for _ in 0..<10 { #expect(try await client.ask(Describe()).freeSlots == 899) }
                gate.open()
                guard case .parameters = await evaluated else { throw HarnessError("the call failed") }
                await client.close()
            }
        }
    }

    @Test("who finds no room for a session waits, and takes no young one from anybody")
    func room() async throws {
        try await ServedVault.with { served in
            let vault = try #require(served.vault)
            let begun = ContinuousClock.now
            let call = try Self.startSession(try VaultConfiguration.read(home: served.home))
            let ends = try await withThrowingTaskGroup { group in
                for connection in 0..<UInt64(SessionTable.capacity + 8) {
                    group.addTask {
                        let conversation = Conversation(vault, ConnectionID(10_000 + connection))
                        guard case .parameters = await conversation.handle(call) else {
                            throw HarnessError("no session")
                        }
                        return ContinuousClock.now - begun
                    }
                }
                return try await group.reduce(into: [Duration]()) { $0.append($1) }
            }
            // The last ones had to wait until the first ones had been left to their owners for long enough.
            #expect(ends.sorted()[SessionTable.capacity] >= SessionTable.keptFor, "\(ends)")
        }
    }
}
