import TPM

/// One way through a policy, with every choice made: no OR is in it.
struct PolicyWay: Hashable {
    let steps: [Policy.Step]

    /// The ways through `policy`. What stands before an OR or an Authorize is not among them: these start again from zero, so
    /// that only the branches, or the approval, count.
    static func all(_ policy: Policy) -> [PolicyWay] {
        policy.steps.reduce([PolicyWay(steps: [])]) { ways, step in
            switch step {
            case .or(let branches): branches.flatMap(all)
            case .authorize, .authorizeNV: [PolicyWay(steps: [step])]
            default: ways.map { PolicyWay(steps: $0.steps + [step]) }
            }
        }
    }

    /// The one command that the way is for, where it names one.
    var command: CommandCode? {
        steps.lazy.compactMap { step -> CommandCode? in
            switch step {
            case .commandCode(let code): code
            case .duplicationSelect: .duplicate
            default: nil
            }
        }.first
    }

    /// Whether two steps contradict each other, so that nobody can go this way.
    var isContradictory: Bool {
        var commands: Set<CommandCode> = []
        var written: Set<Bool> = []
        for step in steps {
            switch step {
            case .commandCode(let code): commands.insert(code)
            case .duplicationSelect: commands.insert(.duplicate)
            case .nvWritten(let value): written.insert(value)
            default: break
            }
        }
        return commands.count > 1 || written.count > 1
    }

    /// Whether anything at all stands in somebody's way who is at the chip: a signature, a value, registers.
    var isOpenToAnyone: Bool {
        steps.allSatisfy { step in
            switch step {
            case .commandCode, .nvWritten, .template, .cpHash, .nameHash, .duplicationSelect: true
            case .secret(let entity, _): entity == Name(.null)
            default: false
            }
        }
    }

    /// Whether the object's authValue is asked for as well.
    var wantsAuthValue: Bool { steps.contains(.authValue) || steps.contains(.password) }

    /// Whether what it takes is somebody's to say later.
    var isApprovedLater: Bool {
        steps.contains { step in
            switch step {
            case .authorize, .authorizeNV: true
            default: false
            }
        }
    }

    /// The commands among `roles` that a session that went this way authorizes.
    func commands(_ roles: Roles) -> [CommandCode] {
        guard !isContradictory else { return [] }
        var user = roles.user
        // PolicySecret wants the authValue itself, so of policies only one that asks for it (Part 3 §23.4.1).
        if wantsAuthValue { user.append(.policySecret) }
        let all = user + roles.admin + roles.policyOnly
        if let command { return all.contains(command) ? [command] : [] }
        // An approved policy may name any command, and for the roles of an administrator one must be named.
        var commands = isApprovedLater ? all : user
        if steps.contains(where: { if case .template = $0 { true } else { false } }) {
            commands = commands.filter { [.create, .createLoaded, .createPrimary].contains($0) }
        }
        return commands.reduce(into: []) { list, code in if !list.contains(code) { list.append(code) } }
    }

    /// What it takes, and how often it can be had.
    func needs(_ glossary: Glossary) -> [String] {
        let needs = steps.compactMap { step -> String? in
            if case .commandCode = step { nil } else { step.sentence { glossary[$0] } }
        }
        return needs.isEmpty ? ["Nothing: anyone at the chip may do it."] : needs
    }

    /// How often, as far as the policy says.
    func often(_ counters: [Name: PINCount]) -> String {
        var limits: [String] = []
        for step in steps {
            switch step {
            case .nv(let index, _, _, _):
                if let count = counters[index] { limits.append("once for each guess: " + count.text) }
            case .signed:
                limits.append("as the signer says: a signature without a nonce serves for ever, with one once")
            default: break
            }
        }
        return limits.isEmpty ? "as often as it is asked" : limits.joined(separator: "; ")
    }
}

/// What a PIN index holds.
public struct PINCount: Hashable, Sendable {
    public let count: UInt32
    public let limit: UInt32

    public init(count: UInt32, limit: UInt32) {
        self.count = count
        self.limit = limit
    }

    var text: String {
        count == .max && limit == 0
            ? "burnt, none are left" : "\(count) of \(limit) are used, \(count >= limit ? 0 : limit - count) are left"
    }
}

extension PolicyTree {
    /// The tree of `policy`, below its digest.
    init(_ policy: Policy, _ hash: HashAlgorithm, _ glossary: Glossary) {
        self.init("\(hash.label) \(policy.digest(hash).hexadecimal)", Self.children(policy, glossary))
    }

    private static func children(_ policy: Policy, _ glossary: Glossary) -> [PolicyTree] {
        guard !policy.steps.isEmpty else { return [PolicyTree("Nothing is asked for.")] }
        return policy.steps.map { step in
            guard case .or(let branches) = step else { return PolicyTree(step.sentence { glossary[$0] }) }
            return PolicyTree(
                step.sentence { glossary[$0] },
                branches.enumerated().map { PolicyTree("way \($0.offset + 1)", children($0.element, glossary)) })
        }
    }
}
