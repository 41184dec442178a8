import Secrets
import Synchronization
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultTestSupport
import VaultAPI

@testable import Vault

@Suite("A fault says what was spent")
struct CostTests {
    /// What the chip does with PolicyNV, and what the caller gets.
    static let cases: [(name: String, answer: ChipRelay.Fate, fault: VaultFault)] = [
        ("at its ceiling", .refuse(0x12F), .lockedOut),
        ("no such index", .refuse(0x28B), .slotGone),
        ("no such session", .refuse(0x98B), .sessionGone),
        ("could not be begun", .refuse(0x922), .chipUnavailable),
        ("failed", .refuse(0x101), .chipFailedAfterSpending),
        ("a parameter's size, which is read after counting", .refuse(0x1D5), .chipFailedAfterSpending),
        ("begun and yielded", .refuse(0x908), .chipFailedAfterSpending),
        ("hung up", .loseCommand, .chipFailedAfterSpending),
    ]

    @Test("a PolicyNV that fails is not spent only where the chip had not come to counting", arguments: 0..<8)
    func policyNV(_ number: Int) async throws {
        let (name, answer, expected) = Self.cases[number]
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("a"), on: served, state: .live) }
            try await served.through {
                $0.isA(.policyNV) ? answer : .carry
            } _: { relay in
                let fault = try await served.connect().fault(
                    of: Evaluate(
                        account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded))
                #expect(fault?.name == expected.wireName, "\(name)")
                #expect(fault?.guess == expected.guess.rawValue, "\(name)")
                if expected == .chipFailedAfterSpending { #expect(relay.count(of: .policyNV) == 1, "\(name)") }
            }
        }
    }

    @Test("a PolicyNV that could not be begun is sent again and counts once")
    func again() async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("a"), on: served, state: .live) }
            let wasRefused = Mutex(false)
            try await served.through { command in
                guard command.isA(.policyNV) else { return .carry }
                return wasRefused.withLock { past in
                    defer { past = true }
                    return past ? .carry : .refuse(0x922)
                }
            } _: { relay in
                let client = try await served.connect()
                let call = Evaluate(
                    account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded)
                #expect(try await client.ask(call).guessesLeft == PaperDevice.limit - 1)
                #expect(relay.count(of: .policyNV) == 2)
                // The same again is answered from the store, with what the chip then says.
                #expect(try await client.ask(call).guessesLeft == PaperDevice.limit - 1)
            }
        }
    }

    @Test(
        "a receipt, with a credential or without, has the chip write nothing and authorize nothing by the slot itself")
    func receipt() async throws {
        try await ServedVault.relayed { served, slot, relay, client in
            var call = Certify(
                account: slot.account, enrollment: slot.enrollment,
                qualifyingData: Bytes([UInt8](repeating: 7, count: 32)))
            let reply = try await client.ask(call)
            #expect(reply.activated == nil)
            let attest = try Attest(parsing: reply.attest.bytes)
            #expect(attest.extraData == call.qualifyingData.bytes)
            #expect(try SlotCount(contents: attest.contents).count == 0)

            // A credential for another key is refused, and what was begun for it is gone from the chip.
            let endorsement = try PublicArea(
                tpm2b: VaultConfiguration.read(home: served.home).endorsementKey.bytes)
            let foreign = try Credential(
                SecretBytes(random: 32), for: endorsement.name, endorsementKey: endorsement)
            call.credential = CredentialChallenge(
                blob: Bytes(foreign.blob), encryptedSeed: Bytes(foreign.encryptedSeed))
            for _ in 0..<5 {
                let fault = await client.fault(of: call)
                #expect(fault?.name == VaultFault.refusedByChip.wireName)
                #expect(fault?.guess == VaultFault.Guess.notSpent.rawValue)
            }
            #expect(relay.count(of: .nvCertify) == 1)
            // More where the chip first tests what it is about to use, and asks for the command again.
            #expect(relay.count(of: .activateCredential) >= 5)
            for code in [CommandCode.nvWrite, .nvDefineSpace, .policyNV, .evictControl] {
                #expect(relay.count(of: code) == 0)
            }
        }
    }
}
