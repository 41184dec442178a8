import TPM

extension Chip {
    /// Runs a command that answers a handle, lends the handle, and flushes it afterwards whatever happens.
    public func withTransient<R>(
        _ command: Command, authorizedBy authorization: Authorization? = nil,
        _ body: (Handle) throws(ChipError) -> R
    ) throws(ChipError) -> R {
        let response =
            if let authorization { try run(command, authorizedBy: authorization) } else { try run(command) }
        guard let handle = response.handle else { throw .malformed(command.code, .truncated) }
        return try lend(handle, body)
    }

    /// Lends a handle and flushes it afterwards. What `body` gave may have cost a guess: a flush that fails is made up for
    /// later, and takes no result away.
    private func lend<R>(_ handle: Handle, _ body: (Handle) throws(ChipError) -> R) throws(ChipError) -> R {
        defer { try? flush(handle) }
        return try body(handle)
    }

    /// A policy session satisfied for `code`, lent to the one command it authorizes. `willBegin` is called when the session is
    /// there, before the policy's first step.
    public func withPolicy<R>(
        _ policy: Policy, for code: CommandCode, evidence: Evidence = Evidence(), willBegin: () -> Void = {},
        _ body: (Authorization) throws(ChipError) -> R
    ) throws(ChipError) -> R {
        guard let path = policy.path(to: code), let first = path.first else { throw .unsatisfiable(code) }
        let spends = if case .nv = first { true } else { false }
        return try withPolicySession(spendsGuess: spends) { (session) throws(ChipError) in
            willBegin()
            try run(first, for: code, in: session, evidence)
        } _: { (authorization) throws(ChipError) in
            for step in path.dropFirst() { try run(step, for: code, in: authorization.session, evidence) }
            return try body(authorization)
        }
    }

    /// Starts an unsalted, unbound session; the nonce is the chip's, 32 bytes.
    public func startSession(_ kind: SessionKind) throws(ChipError) -> (handle: Handle, nonceTPM: [UInt8]) {
        try start(.startAuthSession(kind, nonceCaller: [UInt8](repeating: 0, count: 32)))
    }

    /// Runs a StartAuthSession.
    public func start(_ command: Command) throws(ChipError) -> (handle: Handle, nonceTPM: [UInt8]) {
        let response = try run(command)
        guard let handle = response.handle else { throw .malformed(command.code, .truncated) }
        return (
            handle,
            try parse(response, to: command.code) { (reader: inout Reader) throws(WireError) in try reader.sized() }
        )
    }

    /// Loads an object under the parent, whose policy it satisfies, and lends its handle.
    public func withLoaded<R>(
        _ area: PublicArea, private: [UInt8], under parent: Command.Entity,
        _ body: (Command.Entity) throws(ChipError) -> R
    ) throws(ChipError) -> R {
        let handle = try withPolicy(ParentProfile.policy, for: .load) { (authorization) throws(ChipError) in
            try run(.load(area, private: `private`, under: parent), authorizedBy: authorization).handle
        }
        guard let handle else { throw .malformed(.load, .truncated) }
        return try lend(handle) { (handle) throws(ChipError) in try body(Command.Entity(handle, area.name)) }
    }

    /// Takes in an object that a device sealed to the parent; gives the chip's own TPM2B_PRIVATE (its contents).
    public func take(_ sealed: Sealed, of area: PublicArea, under parent: Command.Entity) throws(ChipError) -> [UInt8] {
        let response = try withPolicy(ParentProfile.policy, for: .import) { (authorization) throws(ChipError) in
            try run(.import(area, sealed: sealed, under: parent), authorizedBy: authorization)
        }
        return try parse(response, to: .import) { (reader: inout Reader) throws(WireError) in try reader.sized() }
    }
}
