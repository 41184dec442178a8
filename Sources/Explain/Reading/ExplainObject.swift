import TPM

extension Explainer {
    /// What can be done with an object.
    public func explain(_ area: ObjectArea, title: String) -> Explanation {
        let policy = policy(area.authPolicy, area.hash)
        var explanation = Explanation(
            title: title,
            facts: [
                .init("kind", area.description),
                .init("Name", area.name?.description ?? "of a hash that is not known here"),
                .init("attributes", area.attributes.text),
            ] + policyFacts(area.authPolicy, area.hash, policy),
            policy: knowledge(area.authPolicy, policy),
            tree: policy.flatMap { policy in area.hash.map { PolicyTree(policy, $0, glossary) } },
            ways: [], impossible: [], remarks: [])
        addAuthValue(area, to: &explanation)
        addPolicy(area, policy, to: &explanation)
        addDuplication(area, policy, to: &explanation)
        return explanation
    }

    /// What the object's authValue allows. TPM 2.0 Part 2 §8.3.3.
    private func addAuthValue(_ area: ObjectArea, to explanation: inout Explanation) {
        let (roles, attributes) = (area.roles, area.attributes)
        let often =
            attributes.contains(.noDA)
            ? "as often as it is asked: noDA is set, so that wrong values are not counted"
            : "wrong values count against the chip's dictionary-attack lockout, and right ones never"
        let user: [CommandCode] = attributes.contains(.userWithAuth) ? roles.user + [.policySecret] : []
        let admin: [CommandCode] = attributes.contains(.adminWithPolicy) ? [] : roles.admin
        let commands = user + admin.filter { !user.contains($0) }
        if !commands.isEmpty {
            explanation.ways.append(
                .init(commands: commands.names, needs: [authorizationValue("object", area.name)], often: often))
        }
        if user.isEmpty {
            explanation.impossible.append(
                .init(
                    "Using it with its authorization value",
                    "userWithAuth is clear, so that \((roles.user + [.policySecret]).names.list) take a policy alone"))
        } else if !area.authPolicy.isEmpty {
            explanation.remarks.append(
                "userWithAuth is set: who knows the authorization value needs none of what the policy asks for.")
        }
        if attributes.contains(.adminWithPolicy) {
            explanation.impossible.append(
                .init(
                    "Changing or certifying it with its authorization value",
                    "adminWithPolicy is set, so that \(roles.admin.names.list) take a policy that names them"))
        }
    }

    /// What the policy's ways allow.
    private func addPolicy(_ area: ObjectArea, _ policy: Policy?, to explanation: inout Explanation) {
        let roles = area.roles
        guard !area.authPolicy.isEmpty else {
            explanation.impossible.append(.init("Using it by policy", "it has none, and no session's digest is empty"))
            return
        }
        guard let policy else {
            explanation.remarks.append(
                "Its policy is unknown, and may allow \((roles.user + roles.admin + roles.policyOnly).names.list).")
            return
        }
        var allowed: Set<CommandCode> = []
        for way in PolicyWay.all(policy) {
            let commands = way.commands(roles)
            allowed.formUnion(commands)
            guard !commands.isEmpty else {
                explanation.impossible.append(
                    way.isContradictory
                        ? Self.contradiction(way)
                        : .init(
                            "The way to \(way.command?.description ?? "a command")",
                            "an object of this type and with these attributes does not authorize it"))
                continue
            }
            explanation.ways.append(
                .init(commands: commands.names, needs: way.needs(glossary), often: way.often(counters)))
            addRemarks(way, commands, roles, to: &explanation)
        }
        let refused = (roles.user + roles.admin).filter { !allowed.contains($0) }
        if !refused.isEmpty {
            let alone = area.attributes.contains(.userWithAuth) ? "by policy" : "in any way"
            explanation.impossible.append(
                .init("\(refused.unique.names.list) \(alone)", "no way of the policy authorizes them"))
        }
    }

    private func addRemarks(
        _ way: PolicyWay, _ commands: [CommandCode], _ roles: Roles, to explanation: inout Explanation
    ) {
        if way.isApprovedLater {
            explanation.remarks.append(
                "One way is whatever its authority approves, now or later: it can name any command and ask for nothing."
            )
        } else if way.command == nil, commands.count > 1 {
            explanation.remarks.append(
                "A way names no command, and so allows all of \(commands.names.list); PolicyCommandCode would leave one."
            )
        }
        if way.isOpenToAnyone {
            explanation.remarks.append("Anyone at the chip may do \(commands.names.list).")
        }
        for case .nv(let index, let operand, _, _) in way.steps where operand.contains(where: { $0 != 0 }) {
            explanation.remarks.append(
                "\(glossary[index]) is compared when the policy runs, and may change before the object is used.")
        }
    }

    /// Whether the object can leave its parent. TPM 2.0 Part 1 §23.
    private func addDuplication(_ area: ObjectArea, _ policy: Policy?, to explanation: inout Explanation) {
        let attributes = area.attributes
        if attributes.contains(.fixedTPM) {
            explanation.impossible.append(
                .init("Taking it out of the chip", "fixedTPM is set: it is the chip's own, and is never duplicated"))
        } else if attributes.contains(.fixedParent) {
            explanation.impossible.append(
                .init("Duplicating it alone", "fixedParent is set: it moves only with a parent above it"))
        } else if let policy, !PolicyWay.all(policy).contains(where: { $0.commands(area.roles).contains(.duplicate) }) {
            explanation.impossible.append(
                .init("Duplicating it", "that takes a way of the policy that names Duplicate, and there is none"))
        } else if area.authPolicy.isEmpty {
            explanation.impossible.append(
                .init("Duplicating it", "that takes a policy that names Duplicate, and it has none"))
        }
        if !attributes.contains(.sensitiveDataOrigin) {
            explanation.remarks.append("Its secret came from outside the chip; whoever made it may have kept it.")
        }
    }
}

extension ObjectAttributes {
    fileprivate var text: String {
        "0x" + Writer.bytes { $0.integer(rawValue) }.hexadecimal + " " + names.joined(separator: " ")
    }
}

extension [CommandCode] {
    fileprivate var unique: [CommandCode] {
        reduce(into: []) { list, code in if !list.contains(code) { list.append(code) } }
    }
}

extension [String] {
    /// `a, b and c`.
    var list: String {
        guard let last, count > 1 else { return first ?? "nothing" }
        return dropLast().joined(separator: ", ") + " and " + last
    }
}
