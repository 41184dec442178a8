import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("A signature of the limit key serves one write, in one session, on one slot")
struct ReplayTests {
    /// What PolicySigned takes.
    struct Signed {
        let act: SignedAct
        let signature: Signature

        init(_ write: SlotProfile.Write, _ enrolled: EnrolledChip, nonceTPM: [UInt8]) throws {
            act = try SignedAct(write, of: enrolled.slot, nonceTPM: nonceTPM)
            signature = try enrolled.sign(act.message, with: enrolled.limitKey)
        }

        func expect(
            _ code: ResponseCode, in session: Handle, nonceTPM: [UInt8], cpHash: [UInt8]? = nil,
            reference: [UInt8]? = nil, expiration: Int32 = SignedAct.expiration, _ enrolled: EnrolledChip,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            try enrolled.expectPolicySigned(
                code, in: session, nonceTPM: nonceTPM, cpHash: cpHash ?? act.cpHash,
                reference: reference ?? act.reference, expiration: expiration, signature: signature,
                by: enrolled.limitKey, sourceLocation: sourceLocation)
        }
    }

    @Test("the command that carried a write, sent again, is refused, and so is its signature in another session")
    func replayed() async throws {
        try await withEnrolledChip(limit: nil) { enrolled in
            let courier = enrolled.courier
            for write: SlotProfile.Write in [.first(limit: 10), .ceiling(11), .ceiling(12)] {
                let session = try enrolled.prepare(write)
                let nonceTPM = session.device.nonceTPM
                let signed = try Signed(write, enrolled, nonceTPM: nonceTPM)
                let command = enrolled.slot.command(write)
                // It goes on, which the device would not ask for: the most that an attacker could hope for.
                let carried = session.device.authorize(command, attributes: [.continueSession])
                    .authorization(in: session.handle)
                try courier.expect(.success, command, carried)
                try courier.expect(.policyFail, command, carried)
                let before = try enrolled.count()

                // The session's nonce has moved on; satisfied again it would want the device's HMAC over the new one.
                try signed.expect(.nonce, in: session.handle, nonceTPM: nonceTPM, enrolled)
                courier.flush(session.handle)
                try courier.withPolicySession { other, otherNonce in
                    try signed.expect(.nonce, in: other, nonceTPM: nonceTPM, enrolled)
                    try signed.expect(.signature, in: other, nonceTPM: otherNonce, enrolled)
                    try signed.expect(.signature, in: other, nonceTPM: [], enrolled)
                    try courier.expect(.policyFail, command, .policy(other))
                }
                #expect(try enrolled.count() == before)
            }
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 12))
        }
    }

    @Test("nothing that a signature covers can be given otherwise")
    func covered() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try courier.withPolicySession { session, nonceTPM in
                let signed = try Signed(.ceiling(11), enrolled, nonceTPM: nonceTPM)
                let other = enrolled.slot.command(.ceiling(99)).cpHash()
                try signed.expect(.signature, in: session, nonceTPM: nonceTPM, cpHash: other, enrolled)
                try signed.expect(.signature, in: session, nonceTPM: nonceTPM, cpHash: [], enrolled)
                for expiration: Int32 in [0, 119, 121, -120, .max] {
                    try signed.expect(.signature, in: session, nonceTPM: nonceTPM, expiration: expiration, enrolled)
                }
                let openReference = enrolled.authority.openReference
                try signed.expect(.signature, in: session, nonceTPM: nonceTPM, reference: openReference, enrolled)
                try signed.expect(.signature, in: session, nonceTPM: nonceTPM, reference: [], enrolled)
                try signed.expect(.success, in: session, nonceTPM: nonceTPM, enrolled)
            }
        }
    }

    /// In a session without a device's key, so that the signature alone stands against the attacker.
    private func expect(
        signedFor write: SlotProfile.Write, refuses attacks: [Command], _ enrolled: EnrolledChip,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let courier = enrolled.courier
        try courier.withPolicySession { session, nonceTPM in
            try enrolled.chip.satisfy(
                enrolled.slot.policy, for: .nvWrite, in: session,
                evidence: enrolled.evidence(write, nonceTPM: nonceTPM))
            let kept = Authorization(session: session, attributes: [.continueSession])
            for attack in attacks {
                try courier.expect(.policyFail, attack, kept, sourceLocation: sourceLocation)
            }
            try courier.expect(.success, enrolled.slot.command(write), kept, sourceLocation: sourceLocation)
            // Once.
            let code = try courier.code(RawCommand(enrolled.slot.command(write)), kept)
            #expect(code != .success, sourceLocation: sourceLocation)
        }
    }

    @Test("other data, another offset, another size, and the other kind of write are refused")
    func otherWrite() async throws {
        try await withEnrolledChip(limit: nil) { enrolled in
            let (unwritten, written) = (enrolled.unwritten, enrolled.written)
            try expect(
                signedFor: .first(limit: 10),
                refuses: [
                    enrolled.slot.command(.first(limit: 11)), enrolled.slot.command(.ceiling(10)),
                    enrolled.slot.command(.burn), .nvWrite(unwritten, [0, 0, 0, 10], offset: 4),
                    .nvWrite(unwritten, [0, 0, 0, 0], offset: 0), .nvWrite(unwritten, [], offset: 0),
                    .nvWrite(unwritten, [0, 0, 0, 0, 0, 0, 0, 10], offset: 1),
                ], enrolled)
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
            try enrolled.evaluate()
            try expect(
                signedFor: .ceiling(11),
                refuses: [
                    enrolled.slot.command(.ceiling(12)), enrolled.slot.command(.first(limit: 11)),
                    enrolled.slot.command(.burn), .nvWrite(written, [0, 0, 0, 11], offset: 0),
                    .nvWrite(written, [0, 0, 0, 11], offset: 3), .nvWrite(written, [11], offset: 7),
                    .nvWrite(written, [0, 0, 0, 0, 0, 0, 0, 11], offset: 0),
                ], enrolled)
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 11))
        }
    }

    @Test("a first write does not write a written slot, nor a ceiling one that was defined again")
    func otherState() async throws {
        try await withEnrolledChip(limit: nil) { enrolled in
            let courier = enrolled.courier
            let second = try enrolled.prepare(.first(limit: 10))
            let first = enrolled.slot.command(.first(limit: 10))
            let held = second.device.authorize(first, attributes: []).authorization(in: second.handle)
            try enrolled.write(.first(limit: 10))
            try enrolled.evaluate()
            // The slot's Name is another now.
            try courier.expect(.policyFail, first, held)
            courier.flush(second.handle)
            try courier.withPolicySession { session, nonceTPM in
                try enrolled.chip.satisfy(
                    enrolled.slot.policy, for: .nvWrite, in: session,
                    evidence: enrolled.evidence(.first(limit: 10), nonceTPM: nonceTPM))
                try courier.expect(.policyFail, first, .policy(session))
            }
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))

            let raise = try enrolled.prepare(.ceiling(11))
            let ceiling = enrolled.slot.command(.ceiling(11))
            let heldRaise = raise.device.authorize(ceiling, attributes: []).authorization(in: raise.handle)
            try courier.expect(.success, .nvUndefine(enrolled.written, by: .owner), .password())
            try courier.expect(.success, .nvDefine(enrolled.slot.publicArea(written: false)), .password())
            try courier.expect(.policyFail, ceiling, heldRaise)
            courier.flush(raise.handle)
            try courier.withPolicySession { session, nonceTPM in
                try enrolled.chip.satisfy(
                    enrolled.slot.policy, for: .nvWrite, in: session,
                    evidence: enrolled.evidence(.ceiling(11), nonceTPM: nonceTPM))
                try courier.expect(.policyFail, ceiling, .policy(session))
            }
            #expect(
                try enrolled.chip.nvPublic(of: enrolled.slot.handle) == enrolled.slot.publicArea(written: false))
        }
    }

    @Test("a signature for one slot does not write another slot of the same limit key")
    func otherSlot() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let other = try SlotProfile(
                handle: Handle(0x0188_0001), authority: enrolled.authority, limitKey: enrolled.slot.limitKey)
            try courier.expect(.success, .nvDefine(other.publicArea(written: false)), .password())
            try enrolled.write(.first(limit: 5), of: other)
            #expect(try enrolled.chip.read(other) == SlotCount(count: 0, ceiling: 5))
            try expect(signedFor: .ceiling(11), refuses: [other.command(.ceiling(11))], enrolled)
            #expect(try enrolled.chip.read(other) == SlotCount(count: 0, ceiling: 5))
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 11))
        }
    }

    @Test("another key's signature does not write the slot")
    func otherKey() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try courier.withPolicySession { session, nonceTPM in
                let act = try SignedAct(.ceiling(99), of: enrolled.slot, nonceTPM: nonceTPM)
                let signature = try enrolled.sign(act.message, with: enrolled.openKey)
                try enrolled.expectPolicySigned(
                    .signature, in: session, nonceTPM: nonceTPM, cpHash: act.cpHash, reference: act.reference,
                    signature: signature, by: enrolled.limitKey)
                try enrolled.expectPolicySigned(
                    .success, in: session, nonceTPM: nonceTPM, cpHash: act.cpHash, reference: act.reference,
                    signature: signature, by: enrolled.openKey)
                try enrolled.chip.run(.policyCommandCode(session, .nvWrite))
                guard case .or(let branches) = enrolled.slot.policy.steps[0] else {
                    throw HarnessError("another policy")
                }
                try courier.expect(.value, .policyOR(session, branches.map { $0.digest() }))
                try courier.expect(.policyFail, enrolled.slot.command(.ceiling(99)), .policy(session))
            }
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
        }
    }
}
