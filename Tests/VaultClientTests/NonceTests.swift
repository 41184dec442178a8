import Secrets
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// A device signs nothing for a nonce that is not the chip's randomness, and nothing before the chip proved itself.
@Suite struct NonceTests {
    static let bad: [[UInt8]] = [
        [], [1], [UInt8](repeating: 7, count: 31), [UInt8](repeating: 7, count: 33), [UInt8](repeating: 0, count: 32),
    ]

    static func slot(at impostor: Impostor) throws -> OwnSlot {
        try OwnSlot(
            link: try Fixture.link(to: impostor), account: Fixture.account(), enrollment: Fixture.enrollment(),
            handle: Handle(0x0188_0000), authority: Fixture.vault().authority, limitSeed: shared(0x33).bytes)
    }

    @Test("a bundle's challenge with a bad nonce is not signed", arguments: bad)
    func challenge(nonce: [UInt8]) async throws {
        let impostor = Impostor { (_, _) throws(VaultClientError) in
            Challenge.Reply(session: 1, nonceTPM: Bytes(nonce))
        }
        let key = try AuthorityKey(scalar: shared(0x44).bytes)
        let area = try BundleProfile.publicArea(
            openKey: key.point, authority: Fixture.vault().authority, unique: [UInt8](repeating: 1, count: 32))
        await #expect(throws: VaultClientError(.session(.badNonce))) {
            _ = try await Fixture.link(to: impostor).openBundle(area, of: Fixture.recipe(), openKey: key)
        }
        #expect(impostor.names == ["Challenge"])
    }

    @Test("a write's session with a bad nonce is not begun", arguments: bad)
    func session(nonce: [UInt8]) async throws {
        let impostor = Impostor { (_, _) throws(VaultClientError) in
            StartSession.Reply(session: 1, nonceTPM: Bytes(nonce))
        }
        let slot = try Self.slot(at: impostor)
        do throws(VaultClientError) {
            _ = try await slot.raise(by: 1, asGrant: false, record: nil, limit: 10)
            Issue.record("a bad nonce was taken")
        } catch {
            #expect(error == VaultClientError(.session(.badNonce)))
        }
        #expect(impostor.names == ["StartSession"])
    }

    @Test("a session that does not prove itself gets no signature: not for a first write, a ceiling, or a burn")
    func unproven() async throws {
        func impostor() -> Impostor {
            Impostor { (method, _) throws(VaultClientError) in
                let nonce = Bytes([UInt8](repeating: 7, count: 32))
                return method is StartSession
                    ? StartSession.Reply(session: 1, nonceTPM: nonce)
                    : CarriedReply(
                        parameters: Bytes([0, 16] + [UInt8](repeating: 5, count: 16)), nonceTPM: nonce,
                        attributes: 0x41,
                        hmac: Bytes([UInt8](repeating: 9, count: 32)))
            }
        }
        for kind in 0..<3 {
            let impostor = impostor()
            let slot = try Self.slot(at: impostor)
            do throws(VaultClientError) {
                switch kind {
                case 0: try await FirstWrite(in: try await slot.link.courier.converse()).perform(on: slot, limit: 10)
                case 1: _ = try await slot.raise(by: 1, asGrant: false, record: nil, limit: 10)
                default: try await slot.burn()
                }
                Issue.record("a session without proof was taken")
            } catch {
                #expect(error == VaultClientError(.session(.notFromTheChip)))
            }
            #expect(impostor.names == ["StartSession", "Prove"])
        }
    }

    @Test("a first write is not repeated when its conversation is lost")
    func firstWriteOnce() async throws {
        let impostor = Impostor { (_, _) throws(VaultClientError) in throw .connectionLost }
        let slot = try Self.slot(at: impostor)
        do throws(VaultClientError) {
            try await FirstWrite(in: try await slot.link.courier.converse()).perform(on: slot, limit: 10)
            Issue.record("nothing was lost")
        } catch {
            #expect(error == .connectionLost)
        }
        #expect(impostor.names == ["StartSession"])
    }

    @Test("a first write does not go on in another conversation")
    func firstWriteElsewhere() async throws {
        let impostor = Impostor { (_, _) throws(VaultClientError) in throw .connectionLost }
        let slot = try Self.slot(at: impostor)
        let write = FirstWrite(in: try await slot.link.courier.converse())
        await slot.link.courier.hangUp()
        _ = try await slot.link.courier.converse()
        do throws(VaultClientError) {
            try await write.perform(on: slot, limit: 10)
            Issue.record("it went on")
        } catch {
            #expect(error == .connectionLost)
        }
        #expect(impostor.names.isEmpty)
    }
}
