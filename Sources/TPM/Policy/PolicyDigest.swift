extension Policy {
    /// The authPolicy with `hash`.
    public func digest(_ hash: HashAlgorithm = .sha256) -> [UInt8] {
        steps.reduce([UInt8](repeating: 0, count: hash.size)) { digest, step in step.extending(digest, hash) }
    }
}

extension Policy.Step {
    /// The policy digest after this step. Part 1 §19.7.
    func extending(_ old: [UInt8], _ hash: HashAlgorithm) -> [UInt8] {
        // OR and the two kinds of Authorize start again from zero: what came before is not forgotten but chosen among
        // the branches, or approved.
        let zero = [UInt8](repeating: 0, count: hash.size)
        return switch self {
        case .commandCode(let code):
            hash.digest(old, CommandCode.policyCommandCode.bytes, code.bytes)
        case .signed(let key, let reference):
            hash.extending(old, .policySigned, key, reference)
        case .secret(let entity, let reference):
            hash.extending(old, .policySecret, entity, reference)
        case .nv(let index, let operand, let offset, let operation):
            hash.digest(
                old, CommandCode.policyNV.bytes, hash.digest(operation.arguments(operand, offset)), index.bytes)
        case .or(let branches):
            hash.digest(zero, CommandCode.policyOR.bytes, branches.flatMap { $0.digest(hash) })
        case .authorize(let key, let reference):
            hash.extending(zero, .policyAuthorize, key, reference)
        case .authorizeNV(let index):
            hash.digest(zero, CommandCode.policyAuthorizeNV.bytes, index.bytes)
        case .pcr(let selection, let expected):
            hash.digest(old, CommandCode.policyPCR.bytes, selection.bytes, expected.digest(hash))
        case .cpHash(let digest):
            hash.digest(old, CommandCode.policyCpHash.bytes, digest)
        case .nameHash(let digest):
            hash.digest(old, CommandCode.policyNameHash.bytes, digest)
        case .authValue, .password:
            // Both leave the same digest: whoever satisfies the policy chooses between the two.
            hash.digest(old, CommandCode.policyAuthValue.bytes)
        case .nvWritten(let written):
            hash.digest(old, CommandCode.policyNvWritten.bytes, [written ? 1 : 0])
        case .counterTimer(let operand, let offset, let operation):
            hash.digest(
                old, CommandCode.policyCounterTimer.bytes, hash.digest(operation.arguments(operand, offset)))
        case .duplicationSelect(let object, let newParent):
            hash.digest(
                old, CommandCode.policyDuplicationSelect.bytes, object?.bytes ?? [], newParent.bytes,
                [object == nil ? 0 : 1])
        case .template(let digest):
            hash.digest(old, CommandCode.policyTemplate.bytes, digest)
        case .locality(let localities):
            hash.digest(old, CommandCode.policyLocality.bytes, [localities])
        case .physicalPresence:
            hash.digest(old, CommandCode.policyPhysicalPresence.bytes)
        }
    }
}

extension Policy.Comparison {
    /// What a comparison's own digest covers.
    fileprivate func arguments(_ operand: [UInt8], _ offset: UInt16) -> [UInt8] {
        Writer.bytes { writer in
            writer.raw(operand)
            writer.integer(offset)
            writer.integer(rawValue)
        }
    }
}

extension HashAlgorithm {
    /// PolicyUpdate: twice, the second time for the reference, which may be empty. Part 3 §23.2.3.
    fileprivate func extending(_ old: [UInt8], _ code: CommandCode, _ name: Name, _ reference: [UInt8]) -> [UInt8] {
        digest(digest(old, code.bytes, name.bytes), reference)
    }
}
