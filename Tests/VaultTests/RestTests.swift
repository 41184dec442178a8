import Crypto
import Journal
import Synchronization
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultAPI
import VaultTestSupport

@testable import Vault

@Suite("A vault that rests", .timeLimit(.minutes(5)))
struct RestTests {
    /// An enrollment at a vault that rests soon, which it has begun to do.
    private static func with(
        _ body: @escaping @Sendable (ServedVault, Vault, ArmedSlot, ChipRelay) async throws -> Void
    ) async throws {
        try await ServedVault.with(relayed: true, rest: .seconds(2)) { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("a"), on: served, state: .live) }
            let (vault, relay) = (try #require(served.vault), try #require(served.relay))
            try await settle(vault)
            try await body(served, vault, slot, relay)
        }
    }

    /// Waits until all is read that was used: it is `unread` before the reply to whom it is used for.
    private static func settle(_ vault: Vault) async throws {
        while await !vault.unread.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    }

    private static func evaluate(at slot: ArmedSlot, of served: ServedVault) async throws -> UInt32 {
        let point = P256.KeyAgreement.PrivateKey().publicKey.compressedRepresentation
        return try await served.connect().ask(
            Evaluate(account: slot.account, enrollment: slot.enrollment, blinded: Bytes(Array(point)))
        ).guessesLeft
    }

    @Test(
        "reads the counts that it does not know, so that nobody waits for them, and reads them again when it has used them"
    )
    func reading() async throws {
        try await Self.with { served, vault, slot, relay in
            #expect(await vault.seen[slot.enrollment] == SlotCount(count: 0, ceiling: PaperDevice.limit))
            relay.begin()
            #expect(try await Self.evaluate(at: slot, of: served) == PaperDevice.limit - 1)
            #expect(relay.count(of: .nvRead) == 0)
            try await Self.settle(vault)
            #expect(relay.count(of: .nvRead) == 1)
            #expect(await vault.seen[slot.enrollment] == SlotCount(count: 1, ceiling: PaperDevice.limit))
            #expect(try served.store.lastLine()?.kind == .guess)
        }
    }

    /// Somebody spends a guess at the chip, without the vault.
    private static func spendGuess(at slot: ArmedSlot, through relay: ChipRelay) throws {
        let started = try relay.inject(
            Command.startAuthSession(.policy, nonceCaller: [UInt8](repeating: 0, count: 32))
                .bytes(authorizations: []))
        let index = slot.device.slot.entity(written: true)
        let spending = Command.policyNV(
            Handle(ChipRelay.integer(started[10..<14])), authority: index, index: index, operand: [0], offset: 0,
            operation: .unsignedGreaterOrEqual)
        #expect(RawTPM.responseCode(of: try relay.inject(spending.bytes(authorizations: [.password()]))) == 0)
    }

    @Test("finds a guess that somebody spent at the chip, and writes it into the journal")
    func foreignGuess() async throws {
        try await Self.with { served, vault, slot, relay in
            try Self.spendGuess(at: slot, through: relay)
            // The vault does not know better yet, and the chip counts all the same.
            #expect(try await Self.evaluate(at: slot, of: served) == PaperDevice.limit - 1)
            try await Self.settle(vault)
            #expect(await vault.seen[slot.enrollment] == SlotCount(count: 2, ceiling: PaperDevice.limit))
            let line = try #require(try served.store.lastLine())
            #expect(line.kind == .found && line.count == 2)
        }
    }

    @Test("finds it within a day at a slot that nobody uses")
    func daily() async throws {
        try await Self.with { served, vault, slot, relay in
            try Self.spendGuess(at: slot, through: relay)
            // What it does each day.
            try await vault.readLater()
            try await Self.settle(vault)
            #expect(await vault.seen[slot.enrollment] == SlotCount(count: 1, ceiling: PaperDevice.limit))
            #expect(try served.store.lastLine()?.kind == .found)
        }
    }

    @Test("leaves a slot that is gone, and reads the others")
    func gone() async throws {
        try await ServedVault.with(rest: .seconds(2)) { served in
            let slots = try await served.whileStopped {
                let slots = try ["a", "b"].map { try ArmedSlot(of: Account($0), on: served, state: .live) }
                let chip = try Chip(tcti: served.chip.tcti)
                try chip.run(
                    .nvUndefineSpace(slots[0].device.slot.entity(written: true)), authorizedBy: chip.owner)
                return slots
            }
            let vault = try #require(served.vault)
            try await Self.settle(vault)
            #expect(await vault.seen[slots[0].enrollment] == nil)
            #expect(await vault.seen[slots[1].enrollment] == SlotCount(count: 0, ceiling: PaperDevice.limit))
        }
    }

    @Test("forgets what it knew of a slot that is gone meanwhile, and asks a chip in trouble again")
    func trouble() async throws {
        try await Self.with { served, vault, slot, relay in
            let isInTrouble = Mutex(true)
            relay.begin { command in
                guard command.isA(.nvRead), isInTrouble.withLock({ $0 }) else { return .carry }
                return .refuse(ResponseCode.failure.rawValue)
            }
            _ = try await Self.evaluate(at: slot, of: served)
            while relay.count(of: .nvRead) == 0 { try await Task.sleep(for: .milliseconds(20)) }
            isInTrouble.withLock { $0 = false }
            try await Self.settle(vault)
            #expect(await vault.seen[slot.enrollment] == SlotCount(count: 1, ceiling: PaperDevice.limit))

            _ = try await Self.evaluate(at: slot, of: served)
            let undefining = Command.nvUndefineSpace(slot.device.slot.entity(written: true))
            #expect(RawTPM.responseCode(of: try relay.inject(undefining.bytes(authorizations: [.password()]))) == 0)
            try await Self.settle(vault)
            #expect(await vault.seen[slot.enrollment] == nil)
        }
    }
}
