import TPM

extension FAPIPolicy {
    /// Reads a policy's JSON.
    public init(json bytes: [UInt8]) throws(ExplainError) {
        let root = FAPIField(value: try JSONValue.read(bytes), place: "")
        var reader = FAPIReader()
        policy = .joined(try reader.steps(root, level: 0))
        description = try root.optional("description")?.text() ?? ""
        entities = reader.entities
        stated = [:]
        for digest in try root.optional("policyDigests")?.elements() ?? [] {
            let algorithm = try digest.field("hashAlg").constant(FAPIWords.algorithms, "a hash")
            if let hash = HashAlgorithm(rawValue: algorithm) { stated[hash] = try digest.field("digest").bytes() }
        }
    }
}

private struct FAPIReader {
    var entities = FAPIPolicy.Entities()

    /// The steps of a `policy` array.
    mutating func steps(_ parent: FAPIField, level: Int) throws(ExplainError) -> [Policy.Step] {
        guard level <= Policy.mostLevels else { throw parent.wrong("branches lie within each other too deep") }
        var steps: [Policy.Step] = []
        for element in try parent.field("policy").elements() {
            if let step = try step(element, level: level) { steps.append(step) }
            guard Policy.ways(steps) <= Policy.mostWays else {
                throw element.wrong("there are more than \(Policy.mostWays) ways")
            }
        }
        return steps
    }

    /// One element; `nil` for POLICYACTION, which is between FAPI and its caller and which no chip sees.
    private mutating func step(_ element: FAPIField, level: Int) throws(ExplainError) -> Policy.Step? {
        let type = try element.field("type")
        var word = FAPIField.bare(try type.text())
        if word.hasPrefix("policy") { word.removeFirst("policy".count) }
        let reference = try element.bytes("policyRef")
        switch word {
        case "action": return nil
        case "or": return .or(try branches(element, level: level))
        case "signed": return .signed(key: try key(element, named: "publicKey"), reference: reference)
        case "authorize": return .authorize(key: try key(element, named: "keyName"), reference: reference)
        case "secret": return .secret(of: try secret(element), reference: reference)
        case "authorizenv": return .authorizeNV(index: try index(element))
        case "nv":
            return .nv(
                index: try index(element), operand: try element.field("operandB").bytes(),
                offset: try offset(element), operation: try operation(element))
        case "countertimer":
            return .counterTimer(
                operand: try element.field("operandB").bytes(), offset: try offset(element),
                operation: try operation(element))
        case "pcr": return try registers(element)
        case "commandcode": return .commandCode(try commandCode(try element.field("code")))
        case "cphash": return .cpHash(try element.field("cpHash").bytes())
        case "namehash":
            guard let digest = element.optional("nameHash") else {
                throw element.wrong("nameHash is missing; which objects namePaths means, only FAPI's keystore knows")
            }
            return .nameHash(try digest.bytes())
        case "template":
            guard let digest = element.optional("templateHash") else { throw element.wrong("templateHash is missing") }
            return .template(try digest.bytes())
        case "duplicationselect": return try duplication(element)
        case "locality":
            let localities = try element.field("locality")
            return .locality(UInt8(truncatingIfNeeded: try localities.flags(FAPIWords.localities)))
        case "nvwritten": return .nvWritten(try element.optional("writtenSet")?.flag() ?? true)
        case "authvalue": return .authValue
        case "password": return .password
        case "physicalpresence": return .physicalPresence
        default: throw type.wrong("\(word) is no kind of policy")
        }
    }

    private mutating func branches(_ element: FAPIField, level: Int) throws(ExplainError) -> [Policy] {
        var branches: [Policy] = []
        for branch in try element.field("branches").elements() {
            branches.append(.joined(try steps(branch, level: level + 1)))
        }
        guard (2...8).contains(branches.count) else { throw element.wrong("an OR has two to eight branches") }
        return branches
    }

    /// The Name of a key: from its public area or PEM, or as `field` states it.
    private mutating func key(_ element: FAPIField, named field: String) throws(ExplainError) -> Name {
        let area: ObjectArea? =
            if let key = element.optional("keyPublic") {
                try key.objectArea()
            } else if element.optional("keyPEM") != nil {
                try element.pemArea()
            } else { nil }
        if let area {
            guard let name = area.name else { throw element.wrong("the key's nameAlg is not known here") }
            entities.insert(area)
            return name
        }
        if let stated = element.optional(field), try !stated.bytes().isEmpty { return try stated.name() }
        throw element.wrong(Self.path("keyPath", "keyPublic or keyPEM"))
    }

    private static func path(_ field: String, _ instead: String) -> String {
        "\(instead) is missing; what \(field) means, only FAPI's keystore knows, and `tss2_exportpolicy` writes it out"
    }

    private func secret(_ element: FAPIField) throws(ExplainError) -> Name {
        if let name = element.optional("objectName") { return try name.name() }
        // The hierarchies have the same paths everywhere, behind a profile's name or not.
        let path = try element.optional("objectPath")?.text().split(separator: "/").last
        let handles: [Substring: Handle] = ["HS": .owner, "HE": .endorsement, "HN": .null, "LOCKOUT": .lockout]
        guard let handle = path.flatMap({ handles[$0] }) else {
            throw element.wrong(Self.path("objectPath", "objectName"))
        }
        return Name(handle)
    }

    private mutating func index(_ element: FAPIField) throws(ExplainError) -> Name {
        guard let area = element.optional("nvPublic") else { throw element.wrong(Self.path("nvPath", "nvPublic")) }
        let index = try area.indexArea()
        entities.insert(index)
        return index.name
    }

    private func offset(_ element: FAPIField) throws(ExplainError) -> UInt16 {
        try element.optional("offset")?.integer() ?? 0
    }

    private func operation(_ element: FAPIField) throws(ExplainError) -> Policy.Comparison {
        guard let field = element.optional("operation") else { return .equal }
        let number = try field.constant(FAPIWords.comparisons, "a comparison such as UNSIGNED_GE")
        guard let operation = Policy.Comparison(rawValue: number) else { throw field.wrong("a comparison is expected") }
        return operation
    }

    private func commandCode(_ field: FAPIField) throws(ExplainError) -> CommandCode {
        let code =
            if let number = field.value.integer { UInt32(exactly: number).flatMap { CommandCode(rawValue: $0) } } else {
                CommandCode(name: try field.text())
            }
        guard let code else { throw field.wrong("a command of TPM 2.0 is expected") }
        return code
    }

    /// Banks in the order in which they first come, registers of each in ascending order: what FAPI asks the chip for.
    private func registers(_ element: FAPIField) throws(ExplainError) -> Policy.Step {
        guard let list = element.optional("pcrs") else {
            throw element.wrong("pcrs is missing; what the current registers hold, only the chip knows")
        }
        var banks: [(hash: UInt16, values: [UInt8: [UInt8]])] = []
        for entry in try list.elements() {
            let hash = try entry.field("hashAlg").constant(FAPIWords.algorithms, "a hash")
            let register = try entry.field("pcr").integer(UInt8.self)
            guard register < PCRSelection.registers else { throw entry.wrong("there are 24 registers") }
            let index = banks.firstIndex { $0.hash == hash } ?? banks.endIndex
            if index == banks.endIndex { banks.append((hash, [:])) }
            banks[index].values[register] = try entry.field("digest").bytes()
        }
        return .pcr(
            PCRSelection(banks.map { PCRSelection.Bank(hash: $0.hash, registers: $0.values.keys) }),
            .values(banks.flatMap { bank in bank.values.sorted { $0.key < $1.key }.map(\.value) }))
    }

    private mutating func duplication(_ element: FAPIField) throws(ExplainError) -> Policy.Step {
        let object = element.optional("objectName")
        let stated = try object?.bytes().isEmpty == false
        let includes = try element.optional("includeObject")?.flag() ?? stated
        var parent: Name?
        if let area = try element.optional("newParentPublic")?.objectArea() {
            entities.insert(area)
            parent = area.name
        } else if let name = element.optional("newParentName") {
            parent = try name.name()
        }
        guard let parent else { throw element.wrong(Self.path("newParentPath", "newParentPublic")) }
        guard includes else { return .duplicationSelect(object: nil, newParent: parent) }
        guard stated, let object else { throw element.wrong("objectName is missing") }
        return .duplicationSelect(object: try object.name(), newParent: parent)
    }
}
