import TPM

/// What the steps of a policy need beyond the session: a signature, and the slot that authorizes its own PolicyNV.
public struct Evidence: Sendable {
    var signature: (act: SignedAct, key: PublicArea, signature: Signature)?
    var slot: Command.Entity?

    /// Nothing.
    public init() {}

    /// A signature of `key`, as the chip shall see it, over `act`.
    public static func signed(_ act: SignedAct, by key: PublicArea, _ signature: Signature) -> Evidence {
        var evidence = Evidence()
        evidence.signature = (act, key, signature)
        return evidence
    }

    /// The slot, whose empty authValue authorizes PolicyNV: this spends a guess.
    public static func spending(_ slot: Command.Entity) -> Evidence {
        var evidence = Evidence()
        evidence.slot = slot
        return evidence
    }
}

extension Chip {
    /// Runs the policy's steps on the way to `code` in `session`: the execution of the one policy value.
    public func satisfy(
        _ policy: Policy, for code: CommandCode, in session: Handle, evidence: Evidence = Evidence()
    ) throws(ChipError) {
        guard let path = policy.path(to: code) else { throw .unsatisfiable(code) }
        for step in path { try run(step, for: code, in: session, evidence) }
    }

    func run(
        _ step: Policy.Step, for code: CommandCode, in session: Handle, _ evidence: Evidence
    ) throws(ChipError) {
        switch step {
        case .commandCode(let command):
            try run(.policyCommandCode(session, command))
        case .or(let branches):
            try run(.policyOR(session, branches.map { $0.digest() }))
        case .signed(let name, let reference):
            guard let proof = evidence.signature, proof.key.name == name, proof.act.reference == reference else {
                throw .unsatisfiable(code)
            }
            try withTransient(.loadExternal(proof.key)) { (key) throws(ChipError) in
                _ = try run(
                    .policySigned(
                        session, key: .init(key, name), nonceTPM: proof.act.nonceTPM, cpHash: proof.act.cpHash,
                        reference: reference, expiration: SignedAct.expiration, signature: proof.signature))
            }
        case .secret(let entity, let reference):
            guard entity == Name(.endorsement), reference.isEmpty else { throw .unsatisfiable(code) }
            try run(.policySecret(session, authority: .init(.endorsement)), authorizedBy: endorsement)
        case .nv(let index, let operand, let offset, let operation):
            guard let slot = evidence.slot, slot.name == index else { throw .unsatisfiable(code) }
            try run(
                .policyNV(
                    session, authority: slot, index: slot, operand: operand, offset: offset, operation: operation),
                authorizedBy: .password())
        default:
            // Steps of other people's policies, which are explained and never used.
            throw .unsatisfiable(code)
        }
    }
}
