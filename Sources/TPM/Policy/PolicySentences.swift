extension Policy {
    /// What the policy asks for, a sentence a step; the branches of an OR are indented under it.
    public var sentences: [String] { steps.flatMap(\.sentences) }
}

extension Policy.Step {
    fileprivate var sentences: [String] {
        switch self {
        case .commandCode(let code):
            ["Only \(code) may be authorized."]
        case .signed(let key, let reference):
            ["The key \(key) must sign this use, with the reference \(reference.hexadecimal)."]
        case .secret(let entity):
            ["Who uses this must know the authorization value of \(entity)."]
        case .nv(let index, let operand, let offset, .unsignedGreaterOrEqual) where operand.allSatisfy { $0 == 0 }:
            [
                "The index \(index) must authorize this use, which counts one against its limit"
                    + " (its data at \(offset) is compared with zero, which always holds)."
            ]
        case .nv(let index, let operand, let offset, let operation):
            [
                "The index \(index) must authorize this use, and its data at \(offset) must be "
                    + (operation == .equal ? "equal to" : "at least") + " \(operand.hexadecimal)."
            ]
        case .or(let branches):
            ["One of \(branches.count) ways:"]
                + branches.enumerated().flatMap { index, branch in
                    branch.sentences.map { "  (\(index + 1)) \($0)" }
                }
        }
    }
}
