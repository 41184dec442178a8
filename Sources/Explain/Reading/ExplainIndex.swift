import TPM

extension Explainer {
    /// What can be done with an NV index. TPM 2.0 Part 2 §13.4, Part 3 §31.
    public func explain(_ area: NVPublic, title: String) -> Explanation {
        let policy = policy(area.authPolicy, area.nameAlgorithm)
        let attributes = area.attributes
        var facts: [Explanation.Fact] = [
            .init("kind", "NV index \(area.index), \(attributes.typeName), \(area.dataSize) bytes"),
            .init("Name", area.name.description),
            .init(
                "attributes",
                "0x" + Writer.bytes { $0.integer(attributes.rawValue) }.hexadecimal + " "
                    + attributes.names.joined(separator: " ")),
        ]
        facts += policyFacts(area.authPolicy, area.nameAlgorithm, policy)
        if let count = counters[area.name] { facts.append(.init("count", count.text)) }
        var explanation = Explanation(
            title: title, facts: facts, policy: knowledge(area.authPolicy, policy),
            tree: policy.map { PolicyTree($0, area.nameAlgorithm, glossary) }, ways: [], impossible: [], remarks: [])
        addHierarchies(attributes, to: &explanation)
        addAuthValue(area, to: &explanation)
        let allowed = addPolicy(area, policy, to: &explanation)
        addEnds(attributes, allowed, knownPolicy: policy != nil || area.authPolicy.isEmpty, to: &explanation)
        addCounting(area, policy, to: &explanation)
        return explanation
    }

    /// What owner and platform may do with their own authorizations.
    private func addHierarchies(_ attributes: NVAttributes, to explanation: inout Explanation) {
        let rights: [(who: String, bit: NVAttributes, name: String, commands: [CommandCode], verb: String)] = [
            ("owner", .ownerWrite, "OWNERWRITE", attributes.writes, "Writing"),
            ("platform", .ppWrite, "PPWRITE", attributes.writes, "Writing"),
            ("owner", .ownerRead, "OWNERREAD", attributes.reads, "Reading"),
            ("platform", .ppRead, "PPREAD", attributes.reads, "Reading"),
        ]
        for right in rights {
            if attributes.contains(right.bit) {
                explanation.ways.append(
                    .init(
                        commands: right.commands.names, needs: ["The \(right.who) hierarchy's authorization."],
                        often: "as often as it is asked"))
            } else {
                explanation.impossible.append(
                    .init("\(right.verb) it by the \(right.who)", "\(right.name) is clear"))
            }
        }
    }

    /// What the index's own authValue allows, and what that costs.
    private func addAuthValue(_ area: NVPublic, to explanation: inout Explanation) {
        let attributes = area.attributes
        let often =
            switch attributes.type {
            case 9:
                "each use adds one to the count before the command's own work, and is refused at the limit"
                    + (counters[area.name].map { ": " + $0.text } ?? "")
            case 8:
                "each wrong value adds one to the count, a right one sets it to 0, and at the limit all are refused"
                    + (counters[area.name].map { ": " + $0.text } ?? "")
            default:
                attributes.contains(.noDA)
                    ? "as often as it is asked: NO_DA is set, so that wrong values are not counted"
                    : "wrong values count against the chip's dictionary-attack lockout, and right ones never"
            }
        let needs = [authorizationValue("index", area.name)]
        if attributes.contains(.authWrite) {
            explanation.ways.append(.init(commands: attributes.writes.names, needs: needs, often: often))
        } else {
            explanation.impossible.append(
                .init("Writing it with its authorization value", "AUTHWRITE is clear"))
        }
        if attributes.contains(.authRead) {
            explanation.ways.append(
                .init(commands: (attributes.reads + [.policySecret]).names, needs: needs, often: often))
        } else {
            explanation.impossible.append(.init("Reading it with its authorization value", "AUTHREAD is clear"))
        }
    }

    /// What the policy's ways allow; the commands that some way reaches.
    private func addPolicy(
        _ area: NVPublic, _ policy: Policy?, to explanation: inout Explanation
    ) -> Set<CommandCode> {
        let attributes = area.attributes
        let roles = Roles(
            user: (attributes.contains(.policyWrite) ? attributes.writes : [])
                + (attributes.contains(.policyRead) ? attributes.reads : []),
            admin: [],
            policyOnly: [.nvChangeAuth] + (attributes.contains(.policyDelete) ? [.nvUndefineSpaceSpecial] : []))
        var allowed: Set<CommandCode> = []
        guard let policy else {
            explanation.remarks +=
                area.authPolicy.isEmpty
                ? [] : ["Its policy is unknown, and may allow \((roles.user + roles.policyOnly).names.list)."]
            return allowed
        }
        for way in PolicyWay.all(policy) {
            let commands = way.commands(roles)
            allowed.formUnion(commands)
            guard !commands.isEmpty else {
                explanation.impossible.append(
                    way.isContradictory
                        ? Self.contradiction(way)
                        : .init(
                            "The way to \(way.command?.description ?? "a command")",
                            "the index's type and attributes do not let a policy authorize it"))
                continue
            }
            var needs = way.needs(glossary)
            if commands.contains(.nvUndefineSpaceSpecial) { needs.append("The platform hierarchy's authorization.") }
            explanation.ways.append(.init(commands: commands.names, needs: needs, often: way.often(counters)))
            if way.command == nil, !way.isApprovedLater {
                explanation.remarks.append(
                    "A way names no command, and so allows all of \(commands.names.list); PolicyCommandCode would leave one."
                )
            }
        }
        let refused = roles.user.filter { !allowed.contains($0) }
        if !refused.isEmpty {
            explanation.impossible.append(
                .init("\(refused.names.list) by policy", "no way of the policy authorizes them"))
        }
        return allowed
    }

    /// How the index's value, locks and life end.
    private func addEnds(
        _ attributes: NVAttributes, _ allowed: Set<CommandCode>, knownPolicy: Bool, to explanation: inout Explanation
    ) {
        let authority = attributes.contains(.platformCreate) ? "platform" : "owner"
        if attributes.contains(.policyDelete) {
            explanation.impossible.append(.init("Undefining it by the \(authority)", "POLICY_DELETE is set"))
        } else {
            explanation.ways.append(
                .init(
                    commands: [CommandCode.nvUndefineSpace.description],
                    needs: [
                        "The \(authority) hierarchy's authorization"
                            + (authority == "owner" ? ", or the platform's." : ".")
                    ], often: "once"))
            explanation.remarks.append(
                "The \(authority) can undefine it, and define it again under the same Name; it is then unwritten.")
        }
        if knownPolicy, !allowed.contains(.nvChangeAuth) {
            explanation.impossible.append(
                .init(
                    "Changing its authorization value",
                    "that takes a way of the policy that names NV_ChangeAuth, and there is none"))
        }
        let locks: [(what: String, bits: NVAttributes, why: String)] = [
            ("Locking it against writes", [.writeDefine, .writeSTClear], "WRITEDEFINE and WRITE_STCLEAR are clear"),
            ("Locking it against reads", [.readSTClear], "READ_STCLEAR is clear"),
            ("Losing it at a restart", [.clearSTClear, .orderly], "CLEAR_STCLEAR and ORDERLY are clear"),
        ]
        for lock in locks where attributes.isDisjoint(with: lock.bits) {
            explanation.impossible.append(.init(lock.what, lock.why))
        }
        if attributes.contains(.orderly) {
            explanation.remarks.append(
                "ORDERLY is set: its value lives in memory, and a cut of the power takes it back.")
        }
        if attributes.contains(.clearSTClear) {
            explanation.remarks.append("CLEAR_STCLEAR is set: it is unwritten again after each restart of the chip.")
        }
    }

    /// Whether a PIN index limits anything.
    private func addCounting(_ area: NVPublic, _ policy: Policy?, to explanation: inout Explanation) {
        let attributes = area.attributes
        guard attributes.isPIN else { return }
        var holes: [String] = []
        if attributes.contains(.ownerWrite) { holes.append("the owner may write it (OWNERWRITE)") }
        if attributes.contains(.ppWrite) { holes.append("the platform may write it (PPWRITE)") }
        if attributes.contains(.policyWrite), let policy {
            for way in PolicyWay.all(policy) where way.isOpenToAnyone {
                let writing = way.command.map { attributes.writes.contains($0) } ?? true
                if writing { holes.append("a way of the policy lets anyone write it") }
            }
        } else if attributes.contains(.policyWrite) {
            holes.append("its policy, which is unknown, may let somebody write it")
        }
        if attributes.contains(.orderly) { holes.append("its count is lost with the power (ORDERLY)") }
        if !attributes.contains(.written) { holes.append("it was never written, and so holds no limit yet") }
        let what = attributes.isPINPass ? "uses of its authorization value" : "wrong authorization values"
        explanation.remarks.append(
            holes.isEmpty
                ? "The limit of \(what) holds: only the ways above that write it change count or limit."
                : "The limit of \(what) does not hold against everyone: \(holes.list).")
        if attributes.isPINPass, attributes.contains(.policyRead) {
            explanation.remarks.append("What a policy authorizes is not counted: only the authorization value is.")
        }
    }
}
