import Foundation
import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("A burn stays burnt")
struct BurnTests {
    static let burnt = SlotCount(count: .max, ceiling: 0)

    @Test("a raise that was held back and comes after the burn opens nothing, also after a restart")
    func heldBack() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try enrolled.evaluate()
            let held = try enrolled.prepare(.ceiling(.max))
            let raise = enrolled.slot.command(.ceiling(.max))
            let authorization = held.device.authorize(raise, attributes: []).authorization(in: held.handle)
            try enrolled.write(.burn)
            #expect(try enrolled.count() == Self.burnt)
            #expect(try enrolled.evaluationCode() == .authUnavailable)

            try courier.expect(.success, raise, authorization)
            for round in 0..<3 {
                if round == 1 { try await courier.restart() }
                #expect(try enrolled.count() == SlotCount(count: .max, ceiling: .max))
                #expect(try enrolled.count().isBurnt && enrolled.count().guessesLeft == 0)
                #expect(try enrolled.evaluationCode() == .authUnavailable)
                try courier.expect(
                    .authUnavailable, .nvRead(authority: enrolled.written, enrolled.written), .password())
            }
        }
    }

    @Test("a raise that was held back does not outlive a restart, loaded or saved")
    func acrossRestart() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let raise = enrolled.slot.command(.ceiling(11))
            let loaded = try enrolled.prepare(.ceiling(11))
            let saved = try enrolled.prepare(.ceiling(11))
            let authorizations = [loaded, saved].map { session in
                session.device.authorize(raise, attributes: []).authorization(in: session.handle)
            }
            let context = try enrolled.chip.run(.contextSave(saved.handle)).parameters
            try enrolled.write(.burn)
            try await courier.restart()
            try courier.expect(.integrity, .contextLoad(context))
            for authorization in authorizations { try courier.expect(.missingSession, raise, authorization) }
            #expect(try enrolled.count() == Self.burnt)
        }
    }

    @Test("a raise that was held back does not outlive a resume, though its session does")
    func acrossResume() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let raise = enrolled.slot.command(.ceiling(.max))
            let held = try enrolled.prepare(.ceiling(.max))
            let authorization = held.device.authorize(raise, attributes: []).authorization(in: held.handle)
            let context = try enrolled.chip.run(.contextSave(held.handle)).parameters
            try enrolled.write(.burn)
            try await courier.suspendAndResume()
            try courier.expect(.success, .contextLoad(context))
            // The chip's time begins anew, and an authorization that ends in time ends with it.
            try courier.expect(.expired, raise, authorization)
            courier.flush(held.handle)
            #expect(try enrolled.count() == Self.burnt)
            #expect(try enrolled.evaluationCode() == .authUnavailable)
        }
    }

    /// A raise whose signature the device let end after `expiration` seconds, presented `wait` seconds later.
    private func raise(
        expiration: Int32, after wait: Duration, answers code: ResponseCode, burning: Bool = true
    ) async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let raise = enrolled.slot.command(.ceiling(11))
            let held = try CarriedSession(.policy, to: enrolled.endorsement, courier)
            try held.prove()
            let nonceTPM = held.device.nonceTPM
            let reference = enrolled.authority.slotReference
            let message =
                nonceTPM + Writer.bytes { $0.integer(UInt32(bitPattern: expiration)) } + raise.cpHash() + reference
            if expiration == SignedAct.expiration {
                let act = try SignedAct(.ceiling(11), of: enrolled.slot, nonceTPM: nonceTPM)
                #expect(act.message == message)
            }
            try enrolled.expectPolicySigned(
                .success, in: held.handle, nonceTPM: nonceTPM, cpHash: raise.cpHash(), reference: reference,
                expiration: expiration, signature: try enrolled.sign(message, with: enrolled.limitKey),
                by: enrolled.limitKey)
            for step in try #require(enrolled.slot.policy.path(to: .nvWrite)).dropFirst() {
                switch step {
                case .commandCode(let code): try courier.expect(.success, .policyCommandCode(held.handle, code))
                case .or(let branches):
                    try courier.expect(.success, .policyOR(held.handle, branches.map { $0.digest() }))
                default: Issue.record("an unexpected step: \(step)")
                }
            }
            let authorization = held.device.authorize(raise, attributes: []).authorization(in: held.handle)
            if burning { try enrolled.write(.burn) }
            let before = try enrolled.count()
            try await Task.sleep(for: wait)
            try courier.expect(code, raise, authorization)
            courier.flush(held.handle)
            #expect(
                try enrolled.count() == SlotCount(count: before.count, ceiling: code == .success ? 11 : before.ceiling))
            #expect(try enrolled.evaluationCode() == (burning ? .authUnavailable : .success))
        }
    }

    @Test(
        "a raise is refused once its signature has expired, and a burnt slot is still burnt", arguments: [false, true])
    func expired(burning: Bool) async throws {
        try await raise(expiration: 60, after: .zero, answers: .success, burning: burning)
        try await raise(expiration: 2, after: .milliseconds(2100), answers: .expired, burning: burning)
    }

    @Test(
        "a raise held back for 121 seconds is refused, and the slot is still burnt",
        .enabled(if: ProcessInfo.processInfo.environment["TENPIN_SLOW_TESTS"] != nil))
    func expiredInRealTime() async throws {
        try await raise(expiration: SignedAct.expiration, after: .seconds(121), answers: .expired)
    }
}
