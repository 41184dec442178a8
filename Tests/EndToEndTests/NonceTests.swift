import DeviceTestSupport
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// The attack: a signature over an empty nonce serves in every session, for ever. So nothing is signed over what cannot be
/// the chip's randomness.
@Suite struct NonceTests {
    static let nonces: [[UInt8]] = [
        [], [UInt8](repeating: 9, count: 1), [UInt8](repeating: 9, count: 31), [UInt8](repeating: 9, count: 33),
        [UInt8](repeating: 0, count: 32),
    ]

    /// The answers that a nonce comes with.
    static let methods = [StartSession.name, Prove.name, WriteSlot.name, Challenge.name]

    /// No signature in any message that followed the `first` answer with such a nonce.
    private static func expectNoSignature(_ courier: HostileCourier, _ method: String, _ nonce: [UInt8]) throws {
        let first = try #require(courier.calls.first { $0.method == method }, "no \(method)")
        let signed = courier.calls.filter { $0.number > first.number && $0.parameters["signature"] != nil }
        #expect(signed.isEmpty, "\(method) with \(nonce.count) bytes")
    }

    @Test("a nonce that is empty, short, long or zero ends an enrollment without a signature", arguments: nonces)
    func enroll(nonce: [UInt8]) async throws {
        try await World.with { world in
            for method in Self.methods {
                let courier = try world.courier()
                let link = try await world.link(courier, retries: 1)
                courier.begin { call in
                    call.method == method ? .alter { $0.setting(["nonceTPM"], to: .bytes(nonce)) } : .carry
                }
                var device = try world.device(account(method))
                let error = try await failure {
                    try await device.enroll(at: link, password: password("a password"), choice: .floor())
                }
                #expect(error != nil, "\(method)")
                try Self.expectNoSignature(courier, method, nonce)
                await link.close()
            }
        }
    }

    @Test("a nonce that is empty, short, long or zero gets no signature in a recovery", arguments: nonces)
    func recover(nonce: [UInt8]) async throws {
        try await World.with { world in
            let alice = try account("alice")
            let key = try await world.enroll(alice, "a password", limit: 50).key()
            for method in Self.methods {
                let courier = try world.courier()
                let link = try await world.link(courier, retries: 1)
                courier.begin { call in
                    call.method == method ? .alter { $0.setting(["nonceTPM"], to: .bytes(nonce)) } : .carry
                }
                var device = try world.device(alice)
                if method == Challenge.name {
                    let error = try await failure {
                        _ = try await device.recover(at: link, password: password("a password"))
                    }
                    #expect(error?.reason == .session(.badNonce) && error?.guess == .spent)
                } else {
                    // The bundle is open by then; only the refund does not come through.
                    let outcome = try await device.recover(at: link, password: password("a password"))
                    guard case .recovered(let recovered) = outcome, case .failed = recovered.refund else {
                        Issue.record("\(method): \(Ending(outcome))")
                        continue
                    }
                    #expect(try device.key() == key)
                }
                try Self.expectNoSignature(courier, method, nonce)
                await link.close()
            }
        }
    }

    @Test("no vault is trusted that shows such a nonce", arguments: nonces)
    func trust(nonce: [UInt8]) async throws {
        try await World.with { world in
            for method in [StartSession.name, Prove.name] {
                let courier = try world.courier { call in
                    call.method == method ? .alter { $0.setting(["nonceTPM"], to: .bytes(nonce)) } : .carry
                }
                let error = try await failure { _ = try await world.link(courier) }
                #expect(error?.reason == .session(.badNonce))
            }
        }
    }
}
