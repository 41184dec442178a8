import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI
import VaultTestSupport
import Varlink

@testable import Vault

/// Calls that name a session of the device's.
@Suite("A call in a device's session")
struct DeviceSessionTests {
    private static let junk = [UInt8](repeating: 7, count: 32)
    private static let authorization = Carried(nonceCaller: Bytes(junk), attributes: 0x80, hmac: Bytes(junk))

    private static func start(
        _ kind: StartSession.Kind, _ client: VarlinkClient, _ served: ServedVault
    ) async throws -> Int {
        let key = try PublicArea(tpm2b: VaultConfiguration.read(home: served.home).endorsementKey.bytes)
        let salt = try Salt(for: key)
        return try await client.ask(
            StartSession(
                kind: kind, encryptedSalt: Bytes(salt.encrypted), nonceCaller: Bytes(SecretBytes(random: 32).published))
        ).session
    }

    @Test("that is not there is refused before a guess is spent, a line written or a write counted")
    func missing() async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("a"), on: served, state: .live) }
            try await served.through { _ in
                .carry
            } _: { relay in
                let client = try await served.connect()
                let lines = try served.store.journal().count
                let evaluate = Evaluate(
                    account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded, session: 7,
                    authorization: Self.authorization)
                #expect(await client.fault(of: evaluate)?.name == VaultFault.sessionGone.wireName)
                let write = try Self.write(slot, session: 7)
                #expect(await client.fault(of: write)?.name == VaultFault.sessionGone.wireName)
                #expect(relay.count(of: .policyNV) == 0 && relay.count(of: .nvWrite) == 0)
                #expect(try served.store.journal().count == lines)
                #expect(try served.store.enrollment(slot.enrollment)?.signedCeiling == nil)
                // Of session and authorization there are both or neither.
                var half = evaluate
                half.authorization = nil
                #expect(await client.fault(of: half)?.name == VaultFault.notTheProfile.wireName)
            }
        }
    }

    @Test("whose HMAC is not the device's spends a guess, says so, and leaves no session and no key in the chip")
    func foreign() async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("a"), on: served, state: .live) }
            let client = try await served.connect()
            let session = try await Self.start(.hmac, client, served)
            let evaluate = Evaluate(
                account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded, session: session,
                authorization: Self.authorization)
            #expect(await client.fault(of: evaluate)?.name == VaultFault.chipFailedAfterSpending.wireName)
            #expect(await client.fault(of: evaluate)?.name == VaultFault.sessionGone.wireName)
            let plain = try await client.ask(
                Evaluate(account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded))
            #expect(plain.guessesLeft == PaperDevice.limit - 2 && plain.proof == nil)
        }
    }

    /// The attack: somebody with the account's token sends the last signed ceiling again, as LookUp shows it: the journal has a
    /// refund that no recovery stands for, and the day has a write less.
    @Test("with a nonce whose ceiling is recorded already is refused, and nothing is written for it")
    func replayed() async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("a"), on: served, state: .live) }
            let client = try await served.connect()
            // The signature holds, and the chip refuses it, since no session has this nonce.
            let first = try Self.write(slot, session: try await Self.start(.policy, client, served))
            #expect(await client.fault(of: first)?.name == VaultFault.refusedByChip.wireName)
            let lines = try served.store.journal().count
            for _ in 0..<2 {
                let again = try Self.write(slot, session: try await Self.start(.policy, client, served))
                #expect(await client.fault(of: again)?.name == VaultFault.sessionGone.wireName)
            }
            #expect(try served.store.journal().count == lines)
        }
    }

    @Test("with a ceiling below the limit is refused: it is not taken for the first ceiling")
    func low() async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Account("a"), on: served) }
            let client = try await served.connect()
            let low = try Self.write(
                slot, session: try await Self.start(.policy, client, served), ceiling: PaperDevice.limit - 1)
            #expect(await client.fault(of: low)?.name == VaultFault.refusedByChip.wireName)
            #expect(try served.store.enrollment(slot.enrollment)?.signedCeiling == nil)
        }
    }

    private static func write(
        _ slot: ArmedSlot, session: Int, ceiling: UInt32 = PaperDevice.limit + 1
    ) throws -> WriteSlot {
        let (_, signature) = try slot.device.sign(.ceiling(ceiling), nonceTPM: junk)
        return WriteSlot(
            session: session, account: slot.account, enrollment: slot.enrollment, write: .ceiling, value: ceiling,
            nonceTPM: Bytes(junk), signature: Bytes(signature.p1363), authorization: authorization,
            granted: Granted(guesses: 0, mac: Bytes(junk)))
    }
}
