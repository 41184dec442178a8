import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("The evaluation key evaluates for a guess and in no other way")
struct EvaluationTests {
    @Test("without the slot's authorization nothing is evaluated and nothing is spent")
    func withoutPolicy() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try enrolled.withEvaluationKey { key in
                let evaluate = Command.ecdhZGen(key, .someone)
                try courier.expect(.authMissing, evaluate)
                try courier.expect(.authUnavailable, evaluate, .password())  // AUTH_UNAVAILABLE: no use by authValue
                let hmac = try ForeignSession(courier)
                try courier.expect(.authUnavailable, evaluate, hmac.authorization(RawCommand(evaluate), attributes: []))
                courier.flush(hmac.handle)
                try courier.withPolicySession { session, _ in
                    try courier.expect(.policyFail, evaluate, .policy(session))
                    try enrolled.chip.run(.policyCommandCode(session, .ecdhZGen))
                    try courier.expect(.policyFail, evaluate, .policy(session))
                }
            }
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
        }
    }

    @Test("a session serves one evaluation")
    func reused() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try enrolled.withEvaluationKey { key in
                try courier.withPolicySession { session, _ in
                    try enrolled.spend(in: session)
                    let kept = Authorization(session: session, attributes: [.continueSession])
                    try courier.expect(.success, .ecdhZGen(key, .someone), kept)
                    for _ in 0..<3 { try courier.expect(.policyFail, .ecdhZGen(key, .someone), kept) }
                    // The command code alone does not bring it back.
                    try enrolled.chip.run(.policyCommandCode(session, .ecdhZGen))
                    try courier.expect(.policyFail, .ecdhZGen(key, .someone), kept)
                }
            }
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
        }
    }

    @Test("a saved session is loaded once, and serves one evaluation", arguments: [true, false])
    func restored(goesOn: Bool) async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try enrolled.withEvaluationKey { key in
                let session = try enrolled.chip.startSession(.policy).handle
                try enrolled.spend(in: session)
                let context = try enrolled.chip.run(.contextSave(session)).parameters
                try courier.expect(.success, .contextLoad(context))
                try courier.expect(.contextHandle, .contextLoad(context))  // HANDLE: it is loaded already
                let use = Authorization(session: session, attributes: goesOn ? [.continueSession] : [])
                try courier.expect(.success, .ecdhZGen(key, .someone), use)
                try courier.expect(.contextHandle, .contextLoad(context))
                if goesOn {
                    // The same session again, saved anew: the old context is not it.
                    let later = try enrolled.chip.run(.contextSave(session)).parameters
                    try courier.expect(.contextHandle, .contextLoad(context))
                    try courier.expect(.success, .contextLoad(later))
                }
                try courier.expect(goesOn ? .policyFail : .missingSession, .ecdhZGen(key, .someone), use)
                courier.flush(session)
            }
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
        }
    }

    @Test("a saved session serves one evaluation across a resume as well")
    func resumed() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let session = try enrolled.chip.startSession(.policy).handle
            try enrolled.spend(in: session)
            let context = try enrolled.chip.run(.contextSave(session)).parameters
            try await courier.suspendAndResume()
            try courier.expect(.success, .contextLoad(context))
            try enrolled.withEvaluationKey { key in
                try courier.expect(.success, .ecdhZGen(key, .someone), .policy(session))
            }
            try courier.expect(.contextHandle, .contextLoad(context))
            try await courier.suspendAndResume()
            try courier.expect(.contextHandle, .contextLoad(context))
            try await courier.restart()
            try courier.expect(.integrity, .contextLoad(context))
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
        }
    }

    @Test("PolicyNV is authorized by the slot's counted authValue and by nothing else")
    func policyNV() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let step = enrolled.evaluationPolicy.steps[0]
            guard case .nv(_, let operand, let offset, let operation) = step else {
                Issue.record("the evaluation key's policy begins with \(step)")
                return
            }
            try courier.withPolicySession { session, _ in
                func policyNV(_ authority: Command.Entity) -> Command {
                    .policyNV(
                        session, authority: authority, index: enrolled.written, operand: operand, offset: offset,
                        operation: operation)
                }
                // NV_AUTHORIZATION: the hierarchies may not read the slot.
                try courier.expect(.nvAuthorization, policyNV(.init(.owner)), .password())
                try courier.expect(.nvAuthorization, policyNV(.init(.platform)), .password())
                for branch: CommandCode in [.nvRead, .nvCertify] {
                    try courier.withPolicySession { reading, _ in
                        try enrolled.chip.satisfy(enrolled.slot.policy, for: branch, in: reading)
                        // POLICY_CC: the branch is for its own command.
                        try courier.expect(.policyCC, policyNV(enrolled.written), .policy(reading))
                    }
                }
                try courier.withPolicySession { empty, _ in
                    try courier.expect(.policyFail, policyNV(enrolled.written), .policy(empty))
                }
                #expect(try enrolled.chip.policyDigest(of: session) == [UInt8](repeating: 0, count: 32))
                #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
                // By an HMAC session over the same authValue it is counted like by password.
                let hmac = try ForeignSession(courier)
                let command = policyNV(enrolled.written)
                try courier.expect(.success, command, hmac.authorization(RawCommand(command), attributes: []))
                #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
            }
        }
    }

    @Test("another slot that anyone can refill does not serve")
    func anotherSlot() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            var area = enrolled.slot.publicArea(written: false)
            area.index = Handle(0x0188_0001)
            area.attributes.insert(.ownerWrite)
            try enrolled.chip.run(.nvDefineSpace(area), authorizedBy: enrolled.chip.owner)
            let refill = RawCommand.nvWrite(
                authority: .init(.owner), .init(area.index, area.name), [0, 0, 0, 0, 0, 0, 0, 99])
            try courier.expect(.success, refill, .password())
            area.attributes.insert(.written)
            let own = Command.Entity(area.index, area.name)
            try enrolled.withEvaluationKey { key in
                try courier.withPolicySession { session, _ in
                    try enrolled.chip.run(
                        .policyNV(
                            session, authority: own, index: own, operand: [0], offset: 0,
                            operation: .unsignedGreaterOrEqual),
                        authorizedBy: .password())
                    try enrolled.chip.run(.policyCommandCode(session, .ecdhZGen))
                    try courier.expect(.policyFail, .ecdhZGen(key, .someone), .policy(session))
                }
            }
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
        }
    }

    @Test("a trial session spends a guess and gives nothing")
    func trial() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try enrolled.withEvaluationKey { key in
                let trial = try ForeignSession(courier, type: 3)
                try enrolled.spend(in: trial.handle)
                #expect(try enrolled.chip.policyDigest(of: trial.handle) == enrolled.evaluationPolicy.digest())
                // ATTRIBUTES: a trial session authorizes nothing.
                try courier.expect(.sessionAttributes, .ecdhZGen(key, .someone), .policy(trial.handle))
                courier.flush(trial.handle)
            }
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
        }
    }

    @Test("a spent guess authorizes ECDH_ZGen alone: not ZGen_2Phase, Duplicate or ObjectChangeAuth")
    func otherCommands() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try enrolled.withEvaluationKey { key in
                let ephemeral = try courier.send(.ecEphemeral, [])
                try #require(ephemeral.code.isSuccess)
                let counter = ephemeral.parameters.suffix(2).reduce(UInt16(0)) { $0 << 8 | UInt16($1) }
                let attacks: [(RawCommand, ResponseCode)] = [
                    (.zGen2Phase(key, .someone, counter: counter), .authUnavailable),
                    (.duplicate(key), .authType),
                    (.duplicate(key, to: enrolled.parent), .authType),
                    (.objectChangeAuth(key, parent: enrolled.parent), .authType),
                ]
                for (attack, byPassword) in attacks {
                    try courier.expect(byPassword, attack, .password())
                    try courier.withPolicySession { session, _ in
                        try enrolled.spend(in: session)
                        try courier.expect(.policyCC, attack, .policy(session))
                        // The session is as good as before for what it is for.
                        try courier.expect(.success, .ecdhZGen(key, .someone), .policy(session))
                    }
                    try courier.withPolicySession { session, _ in
                        try enrolled.chip.run(
                            .policyNV(
                                session, authority: enrolled.written, index: enrolled.written, operand: [0],
                                offset: 0, operation: .unsignedGreaterOrEqual), authorizedBy: .password())
                        try courier.expect(.success, .policyCommandCode(session, attack.code))
                        try courier.expect(.policyFail, attack, .policy(session))
                    }
                }
            }
            #expect(try enrolled.count() == SlotCount(count: 8, ceiling: 10))
        }
    }
}
