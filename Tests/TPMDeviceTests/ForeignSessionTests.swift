import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("A courier's own session beside the device's changes nothing that is written")
struct ForeignSessionTests {
    /// Prepares a raise, lets `attack` do its worst with it, and sees that the slot is as it was and the raise, untouched,
    /// still good.
    private func withRaise(
        _ attack: (EnrolledChip, Command, _ device: Authorization, CarriedSession) throws -> Void
    ) async throws {
        try await withEnrolledChip { enrolled in
            let session = try enrolled.prepare(.ceiling(11))
            let command = enrolled.slot.command(.ceiling(11))
            let device = session.device.authorize(command, attributes: []).authorization(in: session.handle)
            try attack(enrolled, command, device, session)
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
            try enrolled.courier.expect(.success, command, device)
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 11))
        }
    }

    @Test("a foreign decrypt session after, before, or instead of the device's is refused")
    func decrypt() async throws {
        try await withRaise { enrolled, command, device, session in
            let courier = enrolled.courier
            let foreign = try ForeignSession(courier)
            let attack = RawCommand(command)
            let attributes: SessionAttributes = [.continueSession, .decrypt]
            // It is well formed: the chip takes it where it may decrypt.
            let stir = RawCommand.stirRandom([1, 2, 3, 4])
            try courier.expect(.success, stir, foreign.authorization(stir, attributes: attributes))
            let second = try ForeignSession(courier)
            let decrypting = second.authorization(attack, attributes: attributes)

            try courier.expect(.badAuth, attack, device, decrypting)
            try courier.expect(.authUnavailable, attack, decrypting, device)
            try courier.expect(.authUnavailable, attack, decrypting)
            try courier.expect(.badAuth, attack, device, decrypting, .password())
            try courier.expect(.authUnavailable, attack, .password(), decrypting)
            // In the device's session, but without its HMAC or with one that anyone can compute.
            let bare = Authorization(session: session.handle, attributes: [])
            try courier.expect(.badAuth, attack, bare)
            try courier.expect(.badAuth, attack, bare, decrypting)
            courier.flush(foreign.handle, second.handle)
            let policy = try ForeignSession(courier, type: 1)
            try courier.expect(
                .policyFail, attack, policy.authorization(attack, attributes: attributes), device)
            courier.flush(policy.handle)
        }
    }

    @Test("the same foreign session changes what is written where the device has no session of its own")
    func withoutDeviceSession() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let write = enrolled.slot.command(.ceiling(11))
            let foreign = try ForeignSession(courier)
            try courier.withPolicySession { session, nonceTPM in
                // What the device never does: it signs for a session whose key it does not have.
                try enrolled.chip.satisfy(
                    enrolled.slot.policy, for: .nvWrite, in: session,
                    evidence: enrolled.evidence(.ceiling(11), nonceTPM: nonceTPM))
                try courier.expect(
                    .success, write, .policy(session),
                    foreign.authorization(RawCommand(write), attributes: [.continueSession, .decrypt]))
            }
            courier.flush(foreign.handle)
            let after = try enrolled.count()
            #expect(after.count == 0 && after.ceiling != 10 && after.ceiling != 11)
        }
    }

    @Test("a foreign session that encrypts is refused, and one that audits changes nothing")
    func otherSessions() async throws {
        try await withRaise { enrolled, command, device, _ in
            let courier = enrolled.courier
            for attributes: SessionAttributes in [[.decrypt, .encrypt], [.decrypt, .audit], [.encrypt]] {
                let foreign = try ForeignSession(courier)
                let code = try courier.code(
                    RawCommand(command), device,
                    foreign.authorization(RawCommand(command), attributes: attributes))
                #expect(code != .success)
                courier.flush(foreign.handle)
            }
        }
        try await withEnrolledChip { enrolled in
            let session = try enrolled.prepare(.ceiling(11))
            let command = enrolled.slot.command(.ceiling(11))
            let device = session.device.authorize(command, attributes: []).authorization(in: session.handle)
            let foreign = try ForeignSession(enrolled.courier)
            try enrolled.courier.expect(
                .success, command, device, foreign.authorization(RawCommand(command), attributes: [.audit]))
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 11))
        }
    }

    @Test("no attribute of the device's authorization can be flipped, and no bit of nonce or HMAC")
    func flipped() async throws {
        try await withRaise { enrolled, command, device, _ in
            func refused(_ attributes: SessionAttributes, nonce: [UInt8], hmac: [UInt8]) throws {
                let code = try enrolled.courier.code(
                    RawCommand(command),
                    Authorization(session: device.session, nonceCaller: nonce, attributes: attributes, hmac: hmac))
                #expect(code != .success)
            }
            for bit in 0..<8 {
                let attributes = SessionAttributes(rawValue: 1 << bit)
                try refused(attributes, nonce: device.nonceCaller, hmac: device.hmac)
            }
            for index in device.hmac.indices {
                var hmac = device.hmac
                hmac[index] ^= 1
                try refused([], nonce: device.nonceCaller, hmac: hmac)
                var nonce = device.nonceCaller
                nonce[index] ^= 0x80
                try refused([], nonce: nonce, hmac: device.hmac)
            }
            try refused([], nonce: [], hmac: device.hmac)
            try refused([], nonce: device.nonceCaller, hmac: [])
        }
    }

    /// An assertion that would have the chip compare an authValue in place of, or beside, the session's key.
    enum Slipped: CaseIterable {
        case password, authValue, passwordThenRestart, authValueThenRestart, ownerSecret

        /// Whether PolicyRestart came after it.
        var isUndone: Bool { self == .passwordThenRestart || self == .authValueThenRestart }

        func commands(_ session: Handle) -> [(RawCommand, [Authorization])] {
            switch self {
            case .password: [(.policyPassword(session), [])]
            case .authValue: [(.policyAuthValue(session), [])]
            case .passwordThenRestart: [(.policyPassword(session), []), (.policyRestart(session), [])]
            case .authValueThenRestart: [(.policyAuthValue(session), []), (.policyRestart(session), [])]
            case .ownerSecret: [(.policySecret(session, of: .init(.owner)), [.password()])]
            }
        }
    }

    @Test(
        "PolicyPassword or PolicyAuthValue slipped into the device's session does not replace its HMAC",
        arguments: Slipped.allCases, 0...3)
    func slipped(_ slipped: Slipped, position: Int) async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let session = try CarriedSession(.policy, to: enrolled.endorsement, courier)
            try session.prove()
            let write = enrolled.slot.command(.ceiling(11))
            let act = try SignedAct(.ceiling(11), of: enrolled.slot, nonceTPM: session.device.nonceTPM)
            let signature = try enrolled.sign(act.message, with: enrolled.limitKey)
            let steps = try #require(enrolled.slot.policy.path(to: .nvWrite))
            for index in 0...steps.count {
                if index == position {
                    for (command, authorizations) in slipped.commands(session.handle) {
                        #expect(try courier.send(command, authorizations).code == .success)
                    }
                }
                guard index < steps.count else { break }
                switch steps[index] {
                case .signed(_, let reference):
                    try enrolled.expectPolicySigned(
                        .success, in: session.handle, nonceTPM: act.nonceTPM, cpHash: act.cpHash,
                        reference: reference, signature: signature, by: enrolled.limitKey)
                case .commandCode(let code):
                    try courier.expect(.success, .policyCommandCode(session.handle, code))
                case .or(let branches):
                    // It fails where the digest is no branch's any more; the attacker goes on.
                    _ = try courier.code(RawCommand(.policyOR(session.handle, branches.map { $0.digest() })))
                default:
                    Issue.record("the slot's policy has no such step")
                }
            }

            // The device's session with no HMAC, an empty password, the device's HMAC; alone and with a foreign decrypt session.
            let device = session.device.authorize(write, attributes: []).authorization(in: session.handle)
            let bare = Authorization(session: session.handle, attributes: [])
            let foreign = try ForeignSession(courier)
            let decrypting = foreign.authorization(RawCommand(write), attributes: [.continueSession, .decrypt])
            try expectNoSuccess(enrolled, RawCommand(write), [bare])
            try expectNoSuccess(enrolled, RawCommand(write), [bare, decrypting])
            try expectNoSuccess(enrolled, RawCommand(write), [device, decrypting])
            try expectNoSuccess(enrolled, RawCommand(enrolled.slot.command(.ceiling(99))), [bare])
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
            if position == 0, slipped.isUndone {
                // The policy was satisfied all along; it was the HMAC that was missing.
                try courier.expect(.badAuth, write, bare)
                try courier.expect(.success, write, device)
            }
            courier.flush(foreign.handle, session.handle)
        }
    }

    private func expectNoSuccess(
        _ enrolled: EnrolledChip, _ command: RawCommand, _ authorizations: [Authorization],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let code = try enrolled.courier.send(command, authorizations).code
        #expect(code != .success, sourceLocation: sourceLocation)
    }
}
