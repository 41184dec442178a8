extension Policy {
    /// What the policy asks for, a sentence a step; the branches of an OR are indented under it.
    public var sentences: [String] { sentences(\.description) }

    /// The same, with what `call` says of a Name in its place.
    public func sentences(_ call: (Name) -> String) -> [String] {
        steps.flatMap { step in
            guard case .or(let branches) = step else { return [step.sentence(call)] }
            return [step.sentence(call)]
                + branches.enumerated().flatMap { index, branch in
                    branch.sentences(call).map { "  (\(index + 1)) \($0)" }
                }
        }
    }
}

extension Policy.Step {
    /// What this step asks for; `call` says what a Name stands for.
    public func sentence(_ call: (Name) -> String) -> String {
        switch self {
        case .commandCode(let code): "Only \(code) may be authorized."
        case .signed(let key, let reference):
            "\(Self.the("key", key, call).asSubject) must sign this use\(Self.under(reference))."
        case .secret(let entity, let reference):
            "Who uses this must know the authorization value of \(Self.the("entity", entity, call))\(Self.under(reference))."
        case .nv(let index, let operand, let offset, .unsignedGreaterOrEqual) where operand.allSatisfy { $0 == 0 }:
            "\(Self.the("index", index, call).asSubject) must authorize this use, which counts one where it is a PIN index"
                + " (its data at \(offset) is compared with zero, which always holds)."
        case .nv(let index, let operand, let offset, let operation):
            "\(Self.the("index", index, call).asSubject) must authorize this use, and its data at \(offset) must \(operation.phrase)"
                + " \(operand.hexadecimal) when that step runs."
        case .or(let branches): "One of \(branches.count) ways:"
        case .authorize(let key, let reference):
            "Any policy may be used that \(Self.the("key", key, call)) has signed\(Self.under(reference))."
        case .authorizeNV(let index):
            "Any policy may be used whose digest \(Self.the("index", index, call)) holds at that time."
        case .pcr(let selection, .values(let values)):
            "The registers \(selection.text) must hold \(values.map(\.hexadecimal).joined(separator: ", "))."
        case .pcr(let selection, .digest(let digest)):
            "The registers \(selection.text) must hold values whose digest is \(digest.hexadecimal)."
        case .cpHash(let digest):
            "Only one command with exactly one set of parameters may be authorized (cpHash \(digest.hexadecimal))."
        case .nameHash(let digest):
            "Only commands on exactly one set of objects may be authorized (hash of Names \(digest.hexadecimal))."
        case .authValue: "Who uses this must prove its authorization value."
        case .password: "Who uses this must give its authorization value in the clear."
        case .nvWritten(let written):
            "The index that is used must \(written ? "have been written" : "never have been written")."
        case .counterTimer(let operand, let offset, let operation):
            "The chip's clock and counters at \(offset) must \(operation.phrase) \(operand.hexadecimal) when that"
                + " step runs."
        case .duplicationSelect(nil, let newParent):
            "Only Duplicate to the parent \(call(newParent)) may be authorized."
        case .duplicationSelect(let object?, let newParent):
            "Only Duplicate of \(call(object)) to the parent \(call(newParent)) may be authorized."
        case .template(let digest):
            "What is made must have the template with the hash \(digest.hexadecimal)."
        case .locality(let localities):
            "The command must come from locality \(Self.localities(localities))."
        case .physicalPresence: "Somebody must be at the machine and say so."
        }
    }

    /// What `call` says of a Name; of one that it only repeats, what kind of thing has it.
    private static func the(_ kind: String, _ name: Name, _ call: (Name) -> String) -> String {
        let word = call(name)
        return word == name.description ? "the \(kind) \(word)" : word
    }

    private static func under(_ reference: [UInt8]) -> String {
        reference.isEmpty ? "" : ", with the reference \(reference.hexadecimal)"
    }

    /// Bits 0 to 4 are localities; from 32 on the byte is one extended locality. TPM 2.0 Part 2 §8.5.
    private static func localities(_ value: UInt8) -> String {
        guard value < 32 else { return "\(value)" }
        return (0..<5).filter { value & 1 << $0 != 0 }.map(String.init).joined(separator: " or ")
    }
}

extension Policy.Comparison {
    /// How the left side must stand to the operand.
    public var phrase: String {
        switch self {
        case .equal: "be equal to"
        case .notEqual: "differ from"
        case .signedGreater: "be greater (signed) than"
        case .unsignedGreater: "be greater than"
        case .signedLess: "be less (signed) than"
        case .unsignedLess: "be less than"
        case .signedGreaterOrEqual: "be at least (signed)"
        case .unsignedGreaterOrEqual: "be at least"
        case .signedLessOrEqual: "be at most (signed)"
        case .unsignedLessOrEqual: "be at most"
        case .bitsSet: "have all the bits set that are set in"
        case .bitsClear: "have all the bits clear that are set in"
        }
    }
}

extension PCRSelection {
    /// As people write it: `sha256:0,7 and sha1:16`.
    public var text: String {
        banks.map { bank in
            let name = bank.hash == 0x0004 ? "sha1" : HashAlgorithm(rawValue: bank.hash)?.label
            return (name ?? "0x" + String(bank.hash, radix: 16)) + ":"
                + bank.registers.map(String.init).joined(separator: ",")
        }.joined(separator: " and ")
    }
}

extension String {
    /// As a sentence begins.
    fileprivate var asSubject: String { prefix(1).uppercased() + dropFirst() }
}
