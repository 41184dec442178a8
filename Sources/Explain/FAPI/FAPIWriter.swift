import TPM

extension FAPIPolicy {
    /// The JSON that FAPI imports. It wants the public area of each key and index; those that are not known stand there by Name
    /// alone, which this reader takes and FAPI does not (`missing`).
    ///
    /// A composite digest of registers cannot be written: FAPI's JSON has their values.
    public func json() throws(ExplainError) -> String {
        guard !Self.hidesValues(policy) else {
            throw .json("POLICYPCR", "FAPI wants the registers' values, and only their digest is known")
        }
        return JSONValue.object([
            "description": .string(description),
            "policyDigests": Self.digests(policy),
            "policy": elements(policy),
        ]).text
    }

    /// The Names whose public areas FAPI would want and that are not known.
    public var missing: [Name] {
        Self.named(policy).filter { entities.objects[$0] == nil && entities.indexes[$0] == nil }
    }

    private static func named(_ policy: Policy) -> [Name] {
        policy.steps.flatMap { step -> [Name] in
            switch step {
            case .signed(let name, _), .authorize(let name, _), .nv(let name, _, _, _), .authorizeNV(let name),
                .duplicationSelect(_, let name):
                [name]
            case .or(let branches): branches.flatMap(named)
            default: []
            }
        }
    }

    private static func hidesValues(_ policy: Policy) -> Bool {
        policy.steps.contains { step in
            switch step {
            case .pcr(_, .digest): true
            case .or(let branches): branches.contains(where: hidesValues)
            default: false
            }
        }
    }

    private static func digests(_ policy: Policy) -> JSONValue {
        .array(
            HashAlgorithm.allCases.map {
                .object([
                    "hashAlg": .string($0.label.uppercased()), "digest": .string(policy.digest($0).hexadecimal),
                ])
            })
    }

    private func elements(_ policy: Policy) -> JSONValue {
        // What stands before an OR counts for nothing here; for FAPI it would be part of the branches.
        let first = policy.steps.lastIndex { if case .or = $0 { true } else { false } } ?? 0
        return .array(policy.steps[first...].map { .object(element($0)) })
    }

    private func element(_ step: Policy.Step) -> [String: JSONValue] {
        func hex(_ bytes: [UInt8]) -> JSONValue { .string(bytes.hexadecimal) }
        func with(_ type: String, _ fields: [String: JSONValue] = [:]) -> [String: JSONValue] {
            fields.merging(["type": .string(type)]) { first, _ in first }
        }
        func comparing(
            _ operand: [UInt8], _ offset: UInt16, _ operation: Policy.Comparison
        ) -> [String: JSONValue] {
            [
                "operandB": hex(operand), "offset": .number(Int64(offset)),
                "operation": .string(FAPIWords.word(operation.rawValue, FAPIWords.comparisons) ?? ""),
            ]
        }
        switch step {
        case .commandCode(let code): return with("POLICYCOMMANDCODE", ["code": .string(code.description)])
        case .signed(let name, let reference):
            return with("POLICYSIGNED", key(name, "publicKey", reference))
        case .authorize(let name, let reference):
            return with("POLICYAUTHORIZE", key(name, "keyName", reference))
        case .secret(let name, let reference):
            return with("POLICYSECRET", ["objectName": hex(name.bytes)].merging(under(reference)) { first, _ in first })
        case .nv(let name, let operand, let offset, let operation):
            return with("POLICYNV", index(name).merging(comparing(operand, offset, operation)) { first, _ in first })
        case .authorizeNV(let name):
            // FAPI wants exactly one way to the index here.
            return with("POLICYAUTHORIZENV", index(name).filter { $0.key != "nvIndex" })
        case .counterTimer(let operand, let offset, let operation):
            return with("POLICYCOUNTERTIMER", comparing(operand, offset, operation))
        case .or(let branches):
            let named = branches.enumerated().map { number, branch in
                JSONValue.object([
                    "name": .string("way \(number + 1)"), "description": .string(branch.sentences.first ?? ""),
                    "policy": elements(branch),
                ])
            }
            return with("POLICYOR", ["branches": .array(named)])
        case .pcr(let selection, let expected): return with("POLICYPCR", registers(selection, expected))
        case .cpHash(let digest): return with("POLICYCPHASH", ["cpHash": hex(digest)])
        case .nameHash(let digest): return with("POLICYNAMEHASH", ["nameHash": hex(digest)])
        case .template(let digest): return with("POLICYTEMPLATE", ["templateHash": hex(digest)])
        case .authValue: return with("POLICYAUTHVALUE")
        case .password: return with("POLICYPASSWORD")
        case .physicalPresence: return with("POLICYPHYSICALPRESENCE")
        case .nvWritten(let written): return with("POLICYNVWRITTEN", ["writtenSet": .string(written ? "YES" : "NO")])
        case .locality(let localities): return with("POLICYLOCALITY", ["locality": .number(Int64(localities))])
        case .duplicationSelect(let object, let newParent):
            var fields: [String: JSONValue] = ["includeObject": .string(object == nil ? "NO" : "YES")]
            if let object { fields["objectName"] = hex(object.bytes) }
            fields["newParentName"] = hex(newParent.bytes)
            return with("POLICYDUPLICATIONSELECT", fields)
        }
    }

    private func under(_ reference: [UInt8]) -> [String: JSONValue] {
        reference.isEmpty ? [:] : ["policyRef": .string(reference.hexadecimal)]
    }

    private func key(_ name: Name, _ field: String, _ reference: [UInt8]) -> [String: JSONValue] {
        var fields = under(reference)
        fields[field] = .string(name.description)
        if let area = entities.objects[name]?.fapi { fields["keyPublic"] = area }
        return fields
    }

    private func index(_ name: Name) -> [String: JSONValue] {
        guard let area = entities.indexes[name] else { return ["nvName": .string(name.description)] }
        return ["nvIndex": .number(Int64(area.index.rawValue)), "nvPublic": area.fapi]
    }

    private func registers(_ selection: PCRSelection, _ expected: PCRSelection.Expected) -> [String: JSONValue] {
        guard case .values(let values) = expected else { return ["pcrs": .array([])] }
        let each = selection.banks.flatMap { bank in bank.registers.map { (bank.hash, $0) } }
        return [
            "pcrs": .array(
                zip(each, values).map { register, value in
                    .object([
                        "pcr": .number(Int64(register.1)),
                        "hashAlg": .string(FAPIWords.word(register.0, FAPIWords.algorithms) ?? "\(register.0)"),
                        "digest": .string(value.hexadecimal),
                    ])
                })
        ]
    }
}
