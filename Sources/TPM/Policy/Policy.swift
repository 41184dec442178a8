/// What it takes to use an object, as a list of steps.
///
/// One value, three readings: its digest (`digest`), its execution in a session (`Chip.satisfy`), and its explanation
/// (`sentences`). Nothing else in the tree knows a policy digest. TPM 2.0 Part 1 §19.7.
public struct Policy: Hashable, Sendable {
    /// The steps, in the order in which they run.
    public let steps: [Step]

    public init(_ steps: Step...) { self.steps = steps }

    /// One assertion.
    public indirect enum Step: Hashable, Sendable {
        /// The authorized command is this one. Part 3 §23.11.
        case commandCode(CommandCode)
        /// The key with this Name signed the session's nonce, the command's parameters and `reference`. Part 3 §23.3.
        case signed(key: Name, reference: [UInt8])
        /// The entity's authValue is known. Part 3 §23.4.
        case secret(of: Name)
        /// The index's data at `offset` compares with `operand`; running it takes an authorization of the index. Part 3 §23.9.
        case nv(index: Name, operand: [UInt8], offset: UInt16, operation: Comparison)
        /// One of two to eight policies. Part 3 §23.6.
        case or([Policy])
    }

    /// TPM_EO. TPM 2.0 Part 2 §6.8.
    public enum Comparison: UInt16, Hashable, Sendable {
        case equal = 0x0000
        case unsignedGreaterOrEqual = 0x0007
    }

    /// The authPolicy with `hash`.
    public func digest(_ hash: HashAlgorithm = .sha256) -> [UInt8] {
        steps.reduce([UInt8](repeating: 0, count: hash.size)) { digest, step in step.extending(digest, hash) }
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
            case .signed, .secret, .nv:
                path.append(step)
            }
        }
        return path
    }
}

extension Policy.Step {
    /// The policy digest after this step. Part 1 §19.7.
    func extending(_ old: [UInt8], _ hash: HashAlgorithm) -> [UInt8] {
        switch self {
        case .commandCode(let code):
            return hash.digest(old, CommandCode.policyCommandCode.bytes, code.bytes)
        case .signed(let key, let reference):
            return hash.digest(hash.digest(old, CommandCode.policySigned.bytes, key.bytes), reference)
        case .secret(let entity):
            // Twice, for the empty reference.
            return hash.digest(hash.digest(old, CommandCode.policySecret.bytes, entity.bytes))
        case .nv(let index, let operand, let offset, let operation):
            let comparison = Writer.bytes { writer in
                writer.raw(operand)
                writer.integer(offset)
                writer.integer(operation.rawValue)
            }
            return hash.digest(old, CommandCode.policyNV.bytes, hash.digest(comparison), index.bytes)
        case .or(let branches):
            // An OR starts again from zero: what came before it is not forgotten but chosen among the branches.
            let zero = [UInt8](repeating: 0, count: hash.size)
            return hash.digest(zero, CommandCode.policyOR.bytes, branches.flatMap { $0.digest(hash) })
        }
    }
}
