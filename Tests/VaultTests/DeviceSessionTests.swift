import Foundation
import Secrets
import TPM
import TPMDevice
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
    ) async throws -> StartSession.Reply {
        let key = try PublicArea(tpm2b: VaultConfiguration.read(home: served.home).endorsementKey.bytes)
        let salt = try Salt(for: key)
        return try await client.ask(
            StartSession(
                kind: kind, encryptedSalt: Bytes(salt.encrypted), nonceCaller: Bytes(SecretBytes(random: 32).published))
        )
    }

    @Test("that is not there is refused before a guess is spent or a line written")
    func missing() async throws {
        try await ServedVault.relayed { served, slot, relay, client in
            let lines = try served.store.journal().count
            let evaluate = Evaluate(
                account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded, session: 7,
                authorization: Self.authorization)
            #expect(await client.fault(of: evaluate)?.name == VaultFault.sessionGone.wireName)
            let write = try Self.write(slot, StartSession.Reply(session: 7, nonceTPM: Bytes(Self.junk)))
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

    @Test("whose HMAC is not the device's spends a guess, says so, and leaves no session and no key in the chip")
    func foreign() async throws {
        try await ServedVault.relayed { served, slot, _, client in
            let session = try await Self.start(.hmac, client, served).session
            let evaluate = Evaluate(
                account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded, session: session,
                authorization: Self.authorization)
            #expect(await client.fault(of: evaluate)?.name == VaultFault.chipFailedAfterSpending.wireName)
            #expect(await client.fault(of: evaluate)?.name == VaultFault.sessionGone.wireName)
            let plain = try await client.ask(
                Evaluate(account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded))
            #expect(plain.guessesLeft == PaperDevice.limit - 2 && plain.proof == nil)
            // Nothing of it is in the chip any more: no key, and no session but the vault's own.
            try await served.whileStopped {
                let chip = try Chip(tcti: served.chip.tcti)
                #expect(try chip.handles(from: 0x8000_0000).isEmpty && chip.handles(from: 0x0200_0000).isEmpty)
            }
        }
    }

    /// The attack: somebody with the account's token sends the last signed ceiling again, as LookUp shows it: the journal has a
    /// refund that no recovery stands for, and the day has a write less.
    @Test("with a signature over another session's nonce is refused, and nothing is written for it")
    func replayed() async throws {
        try await ServedVault.relayed { served, slot, _, client in
            let (first, second) = (
                try await Self.start(.policy, client, served), try await Self.start(.policy, client, served)
            )
            // The signature holds, and the chip refuses what comes with it.
            let write = try Self.write(slot, first)
            #expect(await client.fault(of: write)?.name == VaultFault.refusedByChip.wireName)
            let lines = try served.store.journal().count
            var again = write
            again.session = second.session
            #expect(await client.fault(of: again)?.name == VaultFault.sessionGone.wireName)
            #expect(try served.store.journal().count == lines)
        }
    }

    /// The attack: 1. a device has the chip's answer encrypted for itself; 2. the vault takes the chip for broken, and connects anew;
    /// 3. everybody's sessions are gone.
    @Test("that would do more than audit an evaluation is refused before the chip has it")
    func encrypting() async throws {
        try await ServedVault.relayed { served, slot, _, client in
            let session = try await Self.start(.hmac, client, served).session
            for attributes: UInt8 in [0, 0x81, 0xC0, 0xA0, 0x40] {
                let evaluate = Evaluate(
                    account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded,
                    session: session,
                    authorization: Carried(
                        nonceCaller: Bytes(Self.junk), attributes: attributes, hmac: Bytes(Self.junk)))
                #expect(await client.fault(of: evaluate)?.name == VaultFault.notTheProfile.wireName)
            }
        }
    }

    @Test("that somebody at the chip ended has cost a guess by the time it shows, and the device is told")
    func flushed() async throws {
        try await ServedVault.relayed { served, slot, relay, client in
            let session = try await Self.start(.hmac, client, served).session
            try relay.flushSessions()
            let evaluate = Evaluate(
                account: slot.account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded,
                session: session, authorization: Self.authorization)
            let fault = await client.fault(of: evaluate)
            #expect(fault?.name == VaultFault.chipFailedAfterSpending.wireName)
            #expect(fault?.guess == VaultFault.Guess.maybeSpent.rawValue)
        }
    }

    @Test("with a ceiling below the limit is refused: it is not taken for the first ceiling")
    func low() async throws {
        try await ServedVault.relayed(.armed) { served, slot, _, client in
            let low = try Self.write(
                slot, try await Self.start(.policy, client, served), ceiling: PaperDevice.limit - 1)
            #expect(await client.fault(of: low)?.name == VaultFault.refusedByChip.wireName)
            #expect(try served.store.enrollment(slot.enrollment)?.signedCeiling == nil)
        }
    }

    private static func write(
        _ slot: ArmedSlot, _ session: StartSession.Reply, ceiling: UInt32 = PaperDevice.limit + 1
    ) throws -> WriteSlot {
        let (_, signature) = try slot.device.sign(.ceiling(ceiling), nonceTPM: session.nonceTPM.bytes)
        return WriteSlot(
            session: session.session, account: slot.account, enrollment: slot.enrollment, write: .ceiling,
            value: ceiling, nonceTPM: session.nonceTPM, signature: Bytes(signature.p1363),
            authorization: authorization, granted: Granted(guesses: 0, mac: Bytes(junk)))
    }
}
