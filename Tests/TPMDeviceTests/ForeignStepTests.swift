import TPM
import TPMDevice
import TestSupport
import Testing

/// Steps that stand in other people's policies alone. Trial sessions, on an index that counts nothing: in them a chip only
/// computes, and so takes registers, approvals and parents that are not there.
@Suite("The digest of a step that Tenpin never runs is the chip's")
struct ForeignStepTests {
    private static let someone = Name(.owner)
    private static let digest = [UInt8](repeating: 0x5A, count: 32)

    /// The steps to compare, with the command that takes each.
    private static func steps(_ index: Command.Entity) -> [Policy.Step] {
        let key = index.name
        let sha1 = PCRSelection.Bank(hash: 0x0004, registers: [16])
        let sha256 = PCRSelection.Bank(hash: HashAlgorithm.sha256.rawValue, registers: [23, 0, 7])
        return [
            .secret(of: Name(.endorsement), reference: [1, 2, 3]),
            .authorize(key: key, reference: []), .authorize(key: key, reference: [1, 2, 3]),
            .authorizeNV(index: index.name),
            .pcr(PCRSelection([sha256]), .digest(digest)),
            .pcr(PCRSelection([sha1, sha256]), .values([[1], [2], [3], [4]])),
            .pcr(PCRSelection([]), .values([])),
            .cpHash(digest), .nameHash(digest), .template(digest),
            .authValue, .password, .nvWritten(true), .nvWritten(false),
            .duplicationSelect(object: nil, newParent: key), .duplicationSelect(object: someone, newParent: key),
            .locality(0b0000_1001), .locality(0x40), .physicalPresence,
        ]
            + Policy.Comparison.allCases.map { .counterTimer(operand: [0, 0, 0, 1], offset: 4, operation: $0) }
            + Policy.Comparison.allCases.map { .nv(index: index.name, operand: [3, 4], offset: 2, operation: $0) }
    }

    /// The command of a step in a trial session.
    private static func command(
        _ step: Policy.Step, _ session: Handle, _ index: Command.Entity
    ) throws -> RawCommand {
        let session = Command.Entity(session)
        func plain(_ code: CommandCode, _ parameters: @escaping (inout Writer) -> Void = { _ in }) -> RawCommand {
            RawCommand(code.rawValue, session, parameters: parameters)
        }
        switch step {
        case .secret(_, let reference):
            return RawCommand(CommandCode.policySecret.rawValue, .init(.endorsement), session) { writer in
                for field in [[], [], reference] { writer.sized(field) }
                writer.integer(UInt32(0))
            }
        case .authorize(let key, let reference):
            return plain(.policyAuthorize) { writer in
                for field in [[], reference, key.bytes] { writer.sized(field) }
                // A ticket that says nothing: TPM_ST_VERIFIED of the null hierarchy.
                writer.integer(UInt16(0x8022))
                writer.integer(Handle.null.rawValue)
                writer.sized([])
            }
        case .authorizeNV:
            return RawCommand(CommandCode.policyAuthorizeNV.rawValue, index, index, session)
        case .nv(_, let operand, let offset, let operation):
            return RawCommand(
                .policyNV(
                    session.handle, authority: index, index: index, operand: operand, offset: offset,
                    operation: operation))
        case .pcr(let selection, let expected):
            let digest =
                switch expected {
                case .digest(let digest): digest
                case .values(let values): HashAlgorithm.sha256.digest(values.flatMap(\.self))
                }
            return plain(.policyPCR) { writer in
                writer.sized(digest)
                writer.raw(selection.bytes)
            }
        case .cpHash(let digest): return plain(.policyCpHash) { $0.sized(digest) }
        case .nameHash(let digest): return plain(.policyNameHash) { $0.sized(digest) }
        case .template(let digest): return plain(.policyTemplate) { $0.sized(digest) }
        case .authValue: return plain(.policyAuthValue)
        case .password: return plain(.policyPassword)
        case .physicalPresence: return plain(.policyPhysicalPresence)
        case .nvWritten(let written): return plain(.policyNvWritten) { $0.integer(UInt8(written ? 1 : 0)) }
        case .locality(let localities): return plain(.policyLocality) { $0.integer(localities) }
        case .counterTimer(let operand, let offset, let operation):
            return plain(.policyCounterTimer) { writer in
                writer.sized(operand)
                writer.integer(offset)
                writer.integer(operation.rawValue)
            }
        case .duplicationSelect(let object, let newParent):
            return plain(.policyDuplicationSelect) { writer in
                writer.sized(object?.bytes ?? [])
                writer.sized(newParent.bytes)
                writer.integer(UInt8(object == nil ? 0 : 1))
            }
        case .commandCode(let code): return RawCommand(.policyCommandCode(session.handle, code))
        case .or(let branches): return RawCommand(.policyOR(session.handle, branches.map { $0.digest() }))
        case .signed: throw ChipError.unsatisfiable(.policySigned)
        }
    }

    private static func run(_ policy: Policy, _ courier: Courier, _ index: Command.Entity) throws -> [UInt8] {
        let session = try courier.chip.startSession(.trial)
        defer { courier.flush(session.handle) }
        for step in policy.steps {
            let command = try command(step, session.handle, index)
            let code =
                switch step {
                case .secret, .authorizeNV, .nv: try courier.code(command, .password())
                default: try courier.code(command)
                }
            try #require(code == .success, "\(policy.sentences)")
        }
        return try courier.chip.policyDigest(of: session.handle)
    }

    @Test("from zero, after another step, and before an OR")
    func steps() async throws {
        // Of a bank that is not active a chip leaves the registers out; this one has SHA-1 as well.
        try await withSwtpm(.uncertified) { swtpm in
            let courier = try Courier(swtpm)
            let index = try CalculatorTests.scratch(courier)
            for step in Self.steps(index) {
                let policies = [
                    Policy(step), Policy(.secret(of: Name(.endorsement)), step),
                    Policy(step, .or([Policy(step), Policy(.commandCode(.unseal))])),
                ]
                for policy in policies {
                    #expect(try Self.run(policy, courier, index) == policy.digest(), "\(policy.sentences)")
                }
            }
        }
    }
}
