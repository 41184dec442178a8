import TPM

/// The words of the text form, in both directions.
extension Policy.Comparison {
    private static let words: [(Policy.Comparison, String)] = [
        (.equal, "eq"), (.notEqual, "neq"), (.signedGreater, "sgt"), (.unsignedGreater, "ugt"),
        (.signedLess, "slt"), (.unsignedLess, "ult"), (.signedGreaterOrEqual, "sge"),
        (.unsignedGreaterOrEqual, "uge"), (.signedLessOrEqual, "sle"), (.unsignedLessOrEqual, "ule"),
        (.bitsSet, "bs"), (.bitsClear, "bc"),
    ]

    /// What tpm2-tools calls it.
    var word: String { Self.words.first { $0.0 == self }?.1 ?? "" }

    init?(word: some StringProtocol) {
        guard let match = Self.words.first(where: { $0.1 == word }) else { return nil }
        self = match.0
    }
}

extension PCRSelection {
    /// `sha256:0,7+sha1:16`, as tpm2-tools writes a selection.
    init?(text: some StringProtocol) {
        var banks: [Bank] = []
        for part in text.split(separator: "+", omittingEmptySubsequences: false) {
            let halves = part.split(separator: ":", omittingEmptySubsequences: false)
            guard halves.count == 2, let hash = Self.hash(halves[0]) else { return nil }
            let registers = halves[1].split(separator: ",", omittingEmptySubsequences: false).map { UInt8($0) }
            guard registers.allSatisfy({ ($0 ?? 255) < Self.registers }) else { return nil }
            banks.append(Bank(hash: hash, registers: registers.compactMap(\.self)))
        }
        self.init(banks)
    }

    /// A bank's hash by its name, SHA-1 included, or by its number.
    static func hash(_ word: some StringProtocol) -> UInt16? {
        let word = word.lowercased()
        if word == "sha1" { return 0x0004 }
        if word.hasPrefix("0x") { return UInt16(word.dropFirst(2), radix: 16) }
        return HashAlgorithm(label: word)?.rawValue
    }

    var word: String { text.split(separator: " and ").joined(separator: "+") }

    /// How many registers are selected.
    var count: Int { banks.reduce(0) { $0 + $1.registers.count } }
}

extension Policy.Step {
    /// The step as a line of the text form; an OR has lines of its own.
    var line: String {
        func under(_ reference: [UInt8]) -> String { reference.isEmpty ? "" : " ref \(reference.hexadecimal)" }
        func call(_ name: Name) -> String {
            HexText.hierarchies.first { Name($0.handle) == name }?.word ?? name.description
        }
        return switch self {
        case .commandCode(let code): "commandcode \(code)"
        case .signed(let key, let reference): "signed \(call(key))" + under(reference)
        case .secret(let entity, let reference): "secret \(call(entity))" + under(reference)
        case .nv(let index, let operand, let offset, let operation):
            "nv \(call(index)) \(operation.word) \(operand.hexadecimal) at \(offset)"
        case .or: "or"
        case .authorize(let key, let reference): "authorize \(call(key))" + under(reference)
        case .authorizeNV(let index): "authorizenv \(call(index))"
        case .pcr(let selection, .digest(let digest)): "pcr \(selection.word) digest \(digest.hexadecimal)"
        case .pcr(let selection, .values(let values)):
            "pcr \(selection.word) values \(values.map(\.hexadecimal).joined(separator: ","))"
        case .cpHash(let digest): "cphash \(digest.hexadecimal)"
        case .nameHash(let digest): "namehash \(digest.hexadecimal)"
        case .authValue: "authvalue"
        case .password: "password"
        case .nvWritten(let written): "nvwritten \(written ? "yes" : "no")"
        case .counterTimer(let operand, let offset, let operation):
            "countertimer \(operation.word) \(operand.hexadecimal) at \(offset)"
        case .duplicationSelect(let object, let newParent):
            "duplicationselect \(call(newParent))" + (object.map { " object \(call($0))" } ?? "")
        case .template(let digest): "template \(digest.hexadecimal)"
        case .locality(let localities): "locality \(localities)"
        case .physicalPresence: "physicalpresence"
        }
    }
}
