/// What can be done with one object or index, what it takes, and what cannot be done and why. The JSON of `explain --json`.
public struct Explanation: Codable, Hashable, Sendable {
    /// `the slot 0x01800000 of alice`.
    public var title: String
    /// What the public area says, in order.
    public var facts: [Fact]
    /// What is known of the object's policy.
    public var policy: PolicyKnowledge
    /// The policy, where it is known.
    public var tree: PolicyTree?
    /// Each way to use the object.
    public var ways: [Way]
    /// What it does not allow.
    public var impossible: [Refusal]
    /// What a reader might not expect.
    public var remarks: [String]

    /// One line of the public area.
    public struct Fact: Codable, Hashable, Sendable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What is known of a policy.
    public enum PolicyKnowledge: String, Codable, Hashable, Sendable {
        /// The object has none.
        case none
        /// A policy that was given has this digest.
        case known
        /// No policy that was given has this digest.
        case unknown
    }

    /// One way to use the object.
    public struct Way: Codable, Hashable, Sendable {
        /// The commands that this way authorizes, by their names in Part 3.
        public var commands: [String]
        /// What it takes, a sentence each.
        public var needs: [String]
        /// How often it can be had.
        public var often: String
    }

    /// One thing that is not possible.
    public struct Refusal: Codable, Hashable, Sendable {
        public var what: String
        public var why: String

        init(_ what: String, _ why: String) {
            self.what = what
            self.why = why
        }
    }
}

/// A policy as it is drawn: steps in order, and below an OR its branches.
public struct PolicyTree: Codable, Hashable, Sendable {
    public var label: String
    public var children: [PolicyTree]

    public init(_ label: String, _ children: [PolicyTree] = []) {
        self.label = label
        self.children = children
    }
}
