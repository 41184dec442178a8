/// What it takes to use an object, as a list of steps.
///
/// One value, three readings: its digest (`digest`), its execution in a session (`Chip.satisfy`), and its explanation
/// (`sentences`). Nothing else in the tree knows a policy digest. TPM 2.0 Part 1 §19.7.
public struct Policy: Hashable, Sendable {
    /// The steps, in the order in which they run.
    public let steps: [Step]

    public init(_ steps: Step...) { self.steps = steps }
    public init(steps: [Step]) { self.steps = steps }

    /// One assertion. Tenpin executes the first five; the others stand in policies that it explains.
    public indirect enum Step: Hashable, Sendable {
        /// The authorized command is this one. Part 3 §23.11.
        case commandCode(CommandCode)
        /// The key with this Name signed the session's nonce, the command's parameters and `reference`. Part 3 §23.3.
        case signed(key: Name, reference: [UInt8])
        /// The entity's authValue is known. Part 3 §23.4.
        case secret(of: Name, reference: [UInt8] = [])
        /// The index's data at `offset` compares with `operand`; running it takes an authorization of the index. Part 3 §23.9.
        case nv(index: Name, operand: [UInt8], offset: UInt16, operation: Comparison)
        /// One of two to eight policies. Part 3 §23.6.
        case or([Policy])

        /// Any policy that the key with this Name signed together with `reference`. Part 3 §23.16.
        case authorize(key: Name, reference: [UInt8])
        /// Any policy whose digest the index holds. Part 3 §23.22.
        case authorizeNV(index: Name)
        /// The platform's registers have these values. Part 3 §23.7.
        case pcr(PCRSelection, PCRSelection.Expected)
        /// The command has exactly these parameters and handles. Part 3 §23.13.
        case cpHash([UInt8])
        /// The command has handles of exactly these Names. Part 3 §23.14.
        case nameHash([UInt8])
        /// Who uses the object proves its authValue with an HMAC. Part 3 §23.17.
        case authValue
        /// Who uses the object gives its authValue in the clear. Its digest is that of `authValue`. Part 3 §23.18.
        case password
        /// The index that is used was written, or was not. Part 3 §23.20.
        case nvWritten(Bool)
        /// The chip's TPMS_TIME_INFO at `offset` compares with `operand`. Part 3 §23.10.
        case counterTimer(operand: [UInt8], offset: UInt16, operation: Comparison)
        /// The object goes to a parent of this Name; where `object` is given, only that object. Part 3 §23.15.
        case duplicationSelect(object: Name?, newParent: Name)
        /// What is created has a template of this hash. Part 3 §23.21.
        case template([UInt8])
        /// The command comes from one of these localities, a TPMA_LOCALITY. Part 3 §23.8.
        case locality(UInt8)
        /// Somebody is at the machine. Part 3 §23.12.
        case physicalPresence
    }

    /// TPM_EO. TPM 2.0 Part 2 §6.8.
    public enum Comparison: UInt16, Hashable, Sendable, CaseIterable {
        case equal = 0x0000
        case notEqual = 0x0001
        case signedGreater = 0x0002
        case unsignedGreater = 0x0003
        case signedLess = 0x0004
        case unsignedLess = 0x0005
        case signedGreaterOrEqual = 0x0006
        case unsignedGreaterOrEqual = 0x0007
        case signedLessOrEqual = 0x0008
        case unsignedLessOrEqual = 0x0009
        case bitsSet = 0x000A
        case bitsClear = 0x000B
    }

    /// The steps to run in a session that shall authorize `command`, with every choice made: of an OR, the branch that
    /// names the command, then the OR itself. `nil` when no branch allows the command.
    public func path(to command: CommandCode) -> [Step]? {
        var path: [Step] = []
        for step in steps {
            switch step {
            case .commandCode(let code):
                guard code == command else { return nil }
                path.append(step)
            case .or(let branches):
                guard let branch = branches.lazy.compactMap({ $0.path(to: command) }).first else { return nil }
                path += branch + [step]
            default:
                path.append(step)
            }
        }
        return path
    }
}
