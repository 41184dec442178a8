// The account that a call is for: by it the vault puts waiting calls into a fair order, and refuses one that a token is not for.

extension Describe {
    public var onBehalfOf: Account? { nil }
}

extension StartSession {
    public var onBehalfOf: Account? { nil }
}

extension Prove {
    public var onBehalfOf: Account? { account }
}

extension Reserve {
    public var onBehalfOf: Account? { account }
}

extension Define {
    public var onBehalfOf: Account? { account }
}

extension WriteSlot {
    public var onBehalfOf: Account? { account }
}

extension Evaluate {
    public var onBehalfOf: Account? { account }
}

extension Commit {
    public var onBehalfOf: Account? { recipe.account }
}

extension LookUp {
    public var onBehalfOf: Account? { account }
}

extension Challenge {
    public var onBehalfOf: Account? { account }
}

extension Open {
    public var onBehalfOf: Account? { account }
}

extension Certify {
    public var onBehalfOf: Account? { account }
}

extension History {
    public var onBehalfOf: Account? { account }
}

extension Forget {
    public var onBehalfOf: Account? { account }
}
