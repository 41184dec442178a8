import TPM
import TPMDevice
import TestSupport
import Testing

/// PolicyNV runs here on an index that counts nothing: a step on a slot spends a guess, in a trial session too.
@Suite("The digest that is computed is the chip's")
struct CalculatorTests {
    /// An ordinary index that anyone reads.
    static func scratch(_ courier: Courier) throws -> Command.Entity {
        var area = NVPublic(
            index: Handle(0x0188_0010), nameAlgorithm: .sha256, attributes: [.authRead, .authWrite, .noDA],
            authPolicy: [], dataSize: 8)
        try courier.chip.run(.nvDefineSpace(area), authorizedBy: courier.chip.owner)
        try courier.chip.run(
            .nvWrite(.init(area.index, area.name), [1, 2, 3, 4, 5, 6, 7, 8], offset: 0), authorizedBy: .password())
        area.attributes.insert(.written)
        return .init(area.index, area.name)
    }

    /// Runs one step; signatures are the limit key's, over any command.
    static func run(
        _ step: Policy.Step, in session: Handle, nonceTPM: [UInt8], _ scratch: Command.Entity,
        _ enrolled: EnrolledChip
    ) throws {
        let courier = enrolled.courier
        switch step {
        case .commandCode(let code):
            try courier.expect(.success, .policyCommandCode(session, code))
        case .signed(_, let reference):
            try enrolled.expectPolicySigned(
                .success, in: session, nonceTPM: nonceTPM, cpHash: [], reference: reference, expiration: 0,
                signature: enrolled.sign(nonceTPM + [0, 0, 0, 0] + reference, with: enrolled.limitKey),
                by: enrolled.limitKey)
        case .secret:
            try courier.expect(.success, .policySecret(session, authority: .init(.endorsement)), .password())
        case .nv(_, let operand, let offset, let operation):
            try courier.expect(
                .success,
                .policyNV(
                    session, authority: scratch, index: scratch, operand: operand, offset: offset,
                    operation: operation),
                .password())
        case .or(let branches):
            try courier.expect(.success, .policyOR(session, branches.map { $0.digest() }))
        default:
            Issue.record("the profile has no such step")
        }
    }

    @Test("for every step, from zero and after every other step")
    func steps() async throws {
        try await withEnrolledChip { enrolled in
            let scratch = try Self.scratch(enrolled.courier)
            let limitKey = enrolled.slot.limitKeyName
            let other = Policy(.commandCode(.unseal))
            let plain: [Policy.Step] = [
                .commandCode(.load),
                .signed(key: limitKey, reference: enrolled.authority.slotReference),
                .signed(key: limitKey, reference: []),
                .secret(of: Name(.endorsement)),
                .nv(index: scratch.name, operand: [0], offset: 0, operation: .unsignedGreaterOrEqual),
                .nv(index: scratch.name, operand: [5, 6, 7, 8], offset: 4, operation: .equal),
            ]
            // An OR wants the digest that the session has among its branches.
            let first = plain + [.or([Policy(), other]), .or([other, Policy(), other])]
            var compared = 0
            func compare(_ policy: Policy) throws {
                try enrolled.courier.withPolicySession { session, nonceTPM in
                    for step in policy.steps {
                        try Self.run(step, in: session, nonceTPM: nonceTPM, scratch, enrolled)
                    }
                    #expect(try enrolled.chip.policyDigest(of: session) == policy.digest(), "\(policy.sentences)")
                }
                compared += 1
            }
            try compare(Policy())
            for step in first {
                try compare(Policy(step))
                for next in plain { try compare(Policy(step, next)) }
                try compare(Policy(step, .or([Policy(step), other])))
                let eight = Policy.Step.or([Policy(step)] + Array(repeating: other, count: 7))
                try compare(Policy(step, eight))
            }
            #expect(compared == 1 + 8 * 9)
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
        }
    }

    @Test("for every policy of the profile, on every way through it")
    func profile() async throws {
        try await withEnrolledChip { enrolled in
            let ways: [(Policy, CommandCode)] = [
                (ParentProfile.policy, .import), (ParentProfile.policy, .load),
                (enrolled.slot.policy, .nvWrite), (enrolled.slot.policy, .nvRead),
                (enrolled.slot.policy, .nvCertify), (try enrolled.openPolicy, .unseal),
                (enrolled.evaluationPolicy, .ecdhZGen),
            ]
            for (policy, command) in ways {
                try enrolled.courier.withPolicySession { session, nonceTPM in
                    let evidence: Evidence =
                        switch command {
                        case .nvWrite: try enrolled.evidence(.ceiling(11), nonceTPM: nonceTPM)
                        case .unseal: try enrolled.openEvidence(nonceTPM: nonceTPM)
                        case .ecdhZGen: .spending(enrolled.written)
                        default: Evidence()
                        }
                    try enrolled.chip.satisfy(policy, for: command, in: session, evidence: evidence)
                    #expect(try enrolled.chip.policyDigest(of: session) == policy.digest(), "\(command)")
                }
            }
            // The last way was not for nothing.
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
        }
    }

    @Test("a policy leads to the commands that it names, and the product asks the chip for no other")
    func unsatisfiable() async throws {
        try await withEnrolledChip { enrolled in
            try enrolled.courier.withPolicySession { session, nonceTPM in
                #expect(throws: ChipError.unsatisfiable(.unseal)) {
                    try enrolled.chip.satisfy(ParentProfile.policy, for: .unseal, in: session)
                }
                #expect(throws: ChipError.unsatisfiable(.nvWrite)) {
                    try enrolled.chip.satisfy(enrolled.slot.policy, for: .nvWrite, in: session)
                }
                // The slot as it is before its first write is not the one that the key names.
                #expect(throws: ChipError.unsatisfiable(.ecdhZGen)) {
                    try enrolled.chip.satisfy(
                        enrolled.evaluationPolicy, for: .ecdhZGen, in: session,
                        evidence: .spending(enrolled.unwritten))
                }
                #expect(throws: ChipError.unsatisfiable(.unseal)) {
                    try enrolled.chip.satisfy(
                        enrolled.openPolicy, for: .unseal, in: session,
                        evidence: enrolled.evidence(.ceiling(11), nonceTPM: nonceTPM))
                }
                let digest = try enrolled.chip.policyDigest(of: session)
                #expect(digest == Policy().digest())
            }
        }
    }
}
