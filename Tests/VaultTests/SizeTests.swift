import TPM
import TPMDevice
import TestSupport
import Testing
import VaultTestSupport
import VaultAPI

@testable import Vault

@Suite("What does not fit the chip is not sent")
struct SizeTests {
    static func bytes(_ count: Int) -> Bytes { Bytes([UInt8](repeating: 1, count: count)) }

    @Test("a salt of 513 bytes is refused, and nothing goes to the chip; one of 512 is the chip's to refuse")
    func salt() async throws {
        try await ServedVault.with { served in
            try await served.through { _ in
                .carry
            } _: { relay in
                let client = try await served.connect()
                for size in [513, 4096] {
                    let fault = await client.fault(
                        of: StartSession(kind: .hmac, encryptedSalt: Self.bytes(size), nonceCaller: Self.bytes(32)))
                    #expect(fault?.name == VaultFault.notTheProfile.wireName)
                }
                #expect(relay.count(of: .startAuthSession) == 0)
                let fault = await client.fault(
                    of: StartSession(kind: .hmac, encryptedSalt: Self.bytes(512), nonceCaller: Self.bytes(32)))
                #expect(fault != nil && fault?.name != VaultFault.notTheProfile.wireName)
                #expect(relay.count(of: .startAuthSession) == 1)
            }
        }
    }

    @Test("every byte string that goes to the chip has a largest size")
    func everyOne() throws {
        let account = try Account("a")
        func sealed(_ area: Int = 256, _ duplicate: Int = 512, _ seed: Int = 256) -> SealedObject {
            SealedObject(
                publicArea: Self.bytes(area), duplicate: Self.bytes(duplicate), encryptedSeed: Self.bytes(seed))
        }
        func define(_ limitKey: Int = 256, _ slot: Int = 256, _ object: SealedObject = sealed()) -> Define {
            Define(
                account: account, enrollment: .random, limitKey: Self.bytes(limitKey), slot: Self.bytes(slot),
                evaluationKey: object)
        }
        #expect(define().hasProfileSizes)
        for bad in [
            define(257), define(256, 257), define(256, 256, sealed(257)), define(256, 256, sealed(256, 513)),
            define(256, 256, sealed(256, 512, 257)),
        ] { #expect(!bad.hasProfileSizes) }

        func write(_ nonce: Int = 32, _ signature: Int = 64, _ caller: Int = 64, _ hmac: Int = 64) -> WriteSlot {
            WriteSlot(
                session: 1, account: account, enrollment: .random, write: .burn, value: 0, nonceTPM: Self.bytes(nonce),
                signature: Self.bytes(signature),
                authorization: Carried(nonceCaller: Self.bytes(caller), attributes: 0, hmac: Self.bytes(hmac)),
                granted: nil)
        }
        #expect(write().hasProfileSizes)
        for bad in [write(65), write(32, 63), write(32, 65), write(32, 64, 65), write(32, 64, 64, 65)] {
            #expect(!bad.hasProfileSizes)
        }
        func certify(_ data: Int = 32, _ blob: Int = 132, _ seed: Int = 512) -> Certify {
            Certify(
                account: account, enrollment: .random, qualifyingData: Self.bytes(data),
                credential: CredentialChallenge(blob: Self.bytes(blob), encryptedSeed: Self.bytes(seed)))
        }
        #expect(certify().hasProfileSizes)
        for bad in [certify(31), certify(33), certify(32, 133), certify(32, 132, 513)] { #expect(!bad.hasProfileSizes) }
        let carried = Carried(nonceCaller: Self.bytes(65), attributes: 0, hmac: Self.bytes(0))
        #expect(!Prove(session: 1, fact: .maker, authorization: carried).hasProfileSizes)
        let open = Open(
            session: 1, account: account, enrollment: .random, nonceTPM: Self.bytes(32), signature: Self.bytes(72))
        #expect(!open.hasProfileSizes)
    }

    @Test("a command of more than 4096 bytes is refused here, and the connection stays")
    func command() async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let relay = try ChipRelay(swtpm)
            defer { relay.end() }
            let chip = try Chip(tcti: relay.tcti)
            #expect(throws: ChipError.oversized(.contextLoad, 4097)) {
                try chip.run(.contextLoad([UInt8](repeating: 0, count: 4087)))
            }
            #expect(relay.count(of: .contextLoad) == 0)
            _ = try chip.property(0x120)
            #expect(relay.count(of: .startup) == 1)
        }
    }
}
