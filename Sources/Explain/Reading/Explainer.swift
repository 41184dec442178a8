import TPM

/// Explains objects and indexes, with what is known beside their public areas.
public struct Explainer: Sendable {
    /// The policies that may be an object's, to be matched against its digest.
    public var candidates: [Policy]
    public var glossary: Glossary
    /// What the PIN indexes hold, where the chip was asked.
    public var counters: [Name: PINCount]
    /// The objects and indexes whose authorization value is known to be empty.
    public var openValues: Set<Name>

    public init(
        candidates: [Policy] = [], glossary: Glossary = Glossary(), counters: [Name: PINCount] = [:],
        openValues: Set<Name> = []
    ) {
        self.openValues = openValues
        self.candidates = candidates
        self.glossary = glossary
        self.counters = counters
    }

    /// The candidate with this digest.
    func policy(_ digest: [UInt8], _ hash: HashAlgorithm?) -> Policy? {
        guard let hash, !digest.isEmpty else { return nil }
        return candidates.first { $0.digest(hash) == digest }
    }

    /// What is known of an object or index, and what can be done with it.
    public func explain(_ file: PublicFile, title: String) -> Explanation {
        switch file {
        case .object(let area): explain(area, title: title)
        case .index(let area): explain(area, title: title)
        }
    }

    /// A policy on its own, whatever it may be for: its ways for any object, and nothing that attributes would say.
    public func explain(_ policy: Policy, title: String, _ hash: HashAlgorithm = .sha256) -> Explanation {
        let ways = PolicyWay.all(policy)
        return Explanation(
            title: title,
            facts: HashAlgorithm.allCases.map { .init("digest, \($0.label)", policy.digest($0).hexadecimal) },
            policy: .known, tree: PolicyTree(policy, hash, glossary),
            ways: ways.filter { !$0.isContradictory }.map { way in
                Explanation.Way(
                    commands: way.command.map { [$0.description] } ?? ["any command that the object allows"],
                    needs: way.needs(glossary), often: way.often(counters))
            },
            impossible: ways.filter(\.isContradictory).map(Self.contradiction),
            remarks: ways.contains { $0.command == nil && !$0.isContradictory && !$0.isApprovedLater }
                ? ["A way that names no command allows every command that the object's type has."] : [])
    }

    /// That an authorization value is needed, and whether that stands in anybody's way.
    func authorizationValue(_ what: String, _ name: Name?) -> String {
        "The \(what)'s authorization value"
            + (name.map(openValues.contains) == true ? ", which is empty: anyone at the chip has it." : ".")
    }

    static func contradiction(_ way: PolicyWay) -> Explanation.Refusal {
        .init(
            "A way of the policy",
            "it asks for two things that cannot both hold: " + way.needs(Glossary()).joined(separator: " "))
    }

    /// The lines on a policy that every public area has.
    func policyFacts(_ digest: [UInt8], _ hash: HashAlgorithm?, _ policy: Policy?) -> [Explanation.Fact] {
        guard !digest.isEmpty else { return [.init("policy", "none")] }
        let known =
            if policy != nil { "" } else if hash == nil { ", of a hash that is not known here" } else {
                ", which no policy that was given has: unknown"
            }
        return [.init("policy", digest.hexadecimal + known)]
    }

    func knowledge(_ digest: [UInt8], _ policy: Policy?) -> Explanation.PolicyKnowledge {
        digest.isEmpty ? .none : policy == nil ? .unknown : .known
    }
}

extension [CommandCode] {
    var names: [String] { map(\.description) }
}
