import TPM

/// A policy as a list of steps: one a line, branches of an OR in braces, `#` begins a comment.
///
///     or {
///         signed 000d… ref 9af0…
///         commandcode NV_Write
///     } {
///         commandcode NV_Read
///     }
public enum StepText {
    /// Reads a policy of at most `Policy.mostWays` ways.
    public static func read(_ text: String) throws(ExplainError) -> Policy {
        var parser = Parser(text)
        let steps = try parser.steps(level: 0)
        guard parser.token == nil else { throw parser.wrong("} closes nothing") }
        return .joined(steps)
    }

    /// The lines of a policy; `read` gives the same policy again.
    public static func write(_ policy: Policy) -> String { lines(policy).map { $0 + "\n" }.joined() }

    private static func lines(_ policy: Policy) -> [String] {
        // What stands before an OR counts for nothing, and read again it would be part of the branches.
        let first = policy.steps.lastIndex { if case .or = $0 { true } else { false } } ?? 0
        return policy.steps[first...].flatMap { step -> [String] in
            guard case .or(let branches) = step else { return [step.line] }
            let blocks = branches.map { lines($0).map { "    " + $0 } }
            return ["or {"] + blocks.dropLast().flatMap { $0 + ["} {"] } + (blocks.last ?? []) + ["}"]
        }
    }
}

/// Reads words, line ends and braces.
private struct Parser {
    private var tokens: ArraySlice<(text: Substring, line: Int)>
    private var lastLine = 1

    init(_ text: String) {
        var all: [(text: Substring, line: Int)] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let code = line.prefix { $0 != "#" }
            for part in code.split(separator: ";", omittingEmptySubsequences: false) {
                all += part.split(whereSeparator: \.isWhitespace).map { (text: $0, line: number + 1) }
                all.append((text: ";", line: number + 1))
            }
        }
        tokens = all[...]
    }

    /// The next word or brace that begins something.
    var token: Substring? {
        mutating get {
            while tokens.first?.text == ";" { tokens.removeFirst() }
            return tokens.first?.text
        }
    }

    func wrong(_ what: String) -> ExplainError { .text(line: tokens.first?.line ?? lastLine, what) }

    mutating func steps(level: Int) throws(ExplainError) -> [Policy.Step] {
        guard level <= Policy.mostLevels else { throw wrong("ORs lie within each other too deep") }
        var steps: [Policy.Step] = []
        while let word = token, word != "}" {
            steps.append(try word == "or" ? or(level: level) : step())
            guard Policy.ways(steps) <= Policy.mostWays else {
                throw wrong("there are more than \(Policy.mostWays) ways")
            }
        }
        return steps
    }

    private mutating func or(level: Int) throws(ExplainError) -> Policy.Step {
        _ = word()
        var branches: [Policy] = []
        while token == "{" {
            _ = word()
            branches.append(.joined(try steps(level: level + 1)))
            guard token == "}" else { throw wrong("a branch is not closed with }") }
            _ = word()
        }
        guard (2...8).contains(branches.count) else { throw wrong("an OR has two to eight branches, each in braces") }
        return .or(branches)
    }

    /// The next word of this line, if there is one.
    private mutating func word() -> Substring? {
        guard let first = tokens.first, first.text != ";" else { return nil }
        lastLine = first.line
        tokens.removeFirst()
        return first.text
    }

    private mutating func need<V>(_ what: String, _ read: (Substring) -> V?) throws(ExplainError) -> V {
        let here = wrong("\(what) is missing or wrong")
        guard let word = word(), let value = read(word) else { throw here }
        return value
    }

    /// The value behind the word `keyword`, or `nil` where the line does not go on with it.
    private mutating func option<V>(_ keyword: String, _ read: (Substring) -> V?) throws(ExplainError) -> V? {
        guard tokens.first?.text == keyword[...] else { return nil }
        _ = word()
        return try need("what follows \(keyword)", read)
    }

    private mutating func step() throws(ExplainError) -> Policy.Step {
        let here = wrong("")
        guard let kind = word() else { throw here }
        let step = try step(kind.lowercased())
        guard tokens.first.map({ $0.text == ";" || $0.text == "}" }) ?? true else {
            throw wrong("\(tokens.first?.text ?? "") is more than \(kind) takes")
        }
        return step
    }

    private mutating func step(_ kind: String) throws(ExplainError) -> Policy.Step {
        switch kind {
        case "commandcode":
            return .commandCode(try need("a command of TPM 2.0, such as NV_Write") { CommandCode(name: $0) })
        case "signed": return .signed(key: try name("the key's Name"), reference: try reference())
        case "secret": return .secret(of: try name("the entity's Name"), reference: try reference())
        case "authorize": return .authorize(key: try name("the key's Name"), reference: try reference())
        case "authorizenv": return .authorizeNV(index: try name("the index's Name"))
        case "nv":
            let index = try name("the index's Name")
            let (operation, operand, offset) = try comparison()
            return .nv(index: index, operand: operand, offset: offset, operation: operation)
        case "countertimer":
            let (operation, operand, offset) = try comparison()
            return .counterTimer(operand: operand, offset: offset, operation: operation)
        case "pcr": return try registers()
        case "cphash": return .cpHash(try digest())
        case "namehash": return .nameHash(try digest())
        case "template": return .template(try digest())
        case "authvalue": return .authValue
        case "password": return .password
        case "physicalpresence": return .physicalPresence
        case "nvwritten": return .nvWritten(try need("yes or no") { ["yes": true, "no": false][$0] })
        case "locality":
            return .locality(
                try need("a number from 1 to 255, bit 0 for locality 0") { UInt8($0).flatMap { $0 > 0 ? $0 : nil } })
        case "duplicationselect":
            let newParent = try name("the new parent's Name")
            return .duplicationSelect(object: try option("object") { HexText.name($0) }, newParent: newParent)
        default: throw .text(line: lastLine, "\(kind) is no step")
        }
    }

    private mutating func name(_ what: String) throws(ExplainError) -> Name {
        try need("\(what) in hexadecimal digits, or owner, endorsement, platform, lockout or null,") {
            HexText.name($0)
        }
    }

    private mutating func reference() throws(ExplainError) -> [UInt8] {
        try option("ref") { HexText.bytes($0) } ?? []
    }

    private mutating func digest() throws(ExplainError) -> [UInt8] {
        try need("a digest in hexadecimal digits") { HexText.bytes($0) }
    }

    private mutating func comparison() throws(ExplainError) -> (Policy.Comparison, [UInt8], UInt16) {
        let operation = try need("eq, neq, sgt, ugt, slt, ult, sge, uge, sle, ule, bs or bc") {
            Policy.Comparison(word: $0)
        }
        let operand = try need("the operand in hexadecimal digits") { HexText.bytes($0) }
        return (operation, operand, try option("at") { UInt16($0) } ?? 0)
    }

    private mutating func registers() throws(ExplainError) -> Policy.Step {
        let selection = try need("registers such as sha256:0,7") { PCRSelection(text: $0) }
        if let digest = try option("digest", { HexText.bytes($0) }) { return .pcr(selection, .digest(digest)) }
        let values = try option("values") { (word: Substring) -> [[UInt8]]? in
            let values = word.split(separator: ",").map { HexText.bytes($0) }
            return values.contains(nil) ? nil : values.compactMap(\.self)
        }
        guard let values, values.count == selection.count else {
            throw wrong("behind the registers stands digest and a digest, or values and a value for each")
        }
        return .pcr(selection, .values(values))
    }
}
