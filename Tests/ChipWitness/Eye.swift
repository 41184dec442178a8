/// Sends a command's bytes and gives the answer's.
package typealias Wire = ([UInt8]) throws -> [UInt8]

/// Raw conversation with a chip: for the witness's own looks, and for attackers.
package struct RawChip {
    private let wire: Wire

    package init(_ wire: @escaping Wire) { self.wire = wire }

    /// The chip is gone, or what it said cannot be read.
    package struct NoAnswer: Error {}

    package func send(_ command: RawCommand) throws -> RawAnswer {
        guard let answer = RawAnswer(try wire(command.bytes), to: command.code) else { throw NoAnswer() }
        return answer
    }

    /// The response code alone.
    @discardableResult
    package func code(
        _ code: UInt32, _ handles: [UInt32], _ authorizations: [RawCommand.Authorization] = [],
        _ parameters: [UInt8] = []
    ) throws -> UInt32 {
        try send(RawCommand(code, handles, authorizations, parameters)).code
    }

    /// A session that is neither salted nor bound: its handle and nonceTPM. Type 0 is HMAC, 1 policy, 3 trial.
    package func startSession(type: UInt8 = 1) throws -> (handle: UInt32, nonceTPM: [UInt8])? {
        let symmetric: [UInt8] = field(UInt16(0x0006)) + field(UInt16(128)) + field(UInt16(0x0043))
        let answer = try send(
            RawCommand(
                0x176, [0x4000_0007, 0x4000_0007], [],
                sized([UInt8](repeating: 0x5A, count: 32)) + sized([]) + [type] + symmetric + field(UInt16(0x000B))))
        guard let handle = answer.handle else { return nil }
        var fields = Fields(answer.parameters)
        return (handle, try fields.sized())
    }

    package func policyCommandCode(_ session: UInt32, _ code: UInt32) throws -> UInt32 {
        try self.code(0x16C, [session], [], field(code))
    }

    package func policyOR(_ session: UInt32, _ list: [[UInt8]]) throws -> UInt32 {
        try code(0x171, [session], [], field(UInt32(list.count)) + list.flatMap { sized($0) })
    }

    package func flush(_ handle: UInt32) { _ = try? code(0x165, [], [], field(handle)) }

    /// A session that satisfies the branch for `code` of the policy with this digest, if its branches were ever seen.
    package func branchSession(
        of policy: [UInt8], for code: UInt32, _ branches: [[UInt8]: [[UInt8]]]
    ) throws -> UInt32? {
        guard let list = branches[policy], let session = try startSession() else { return nil }
        guard try policyCommandCode(session.handle, code) == 0, try policyOR(session.handle, list) == 0 else {
            flush(session.handle)
            return nil
        }
        return session.handle
    }

    /// The public area of an index; `nil` when there is none.
    package func indexArea(_ handle: UInt32) throws -> IndexArea? {
        let answer = try send(RawCommand(0x169, [handle]))
        var fields = Fields(answer.parameters)
        return answer.succeeded ? IndexArea(try fields.sized()) : nil
    }

    /// What a slot holds, read through the uncounted branch of its policy.
    package func read(_ handle: UInt32, _ branches: [[UInt8]: [[UInt8]]]) -> SlotReading {
        guard let answer = try? send(RawCommand(0x169, [handle])) else { return .unreadable }
        // TPM_RC_HANDLE for the first handle.
        guard answer.code != 0x18B else { return .undefined }
        var fields = Fields(answer.parameters)
        guard answer.succeeded, let bytes = try? fields.sized(), let area = IndexArea(bytes) else { return .unreadable }
        // Something else in a slot's place is no slot.
        guard area.isSlot else { return .undefined }
        guard area.isWritten else { return .unwritten }
        guard let session = try? branchSession(of: area.authPolicy, for: 0x14E, branches) else { return .unreadable }
        let read = try? send(
            RawCommand(0x14E, [handle, handle], [.policy(session)], field(UInt16(8)) + field(UInt16(0))))
        guard let read, read.succeeded else {
            flush(session)
            return .unreadable
        }
        var data = Fields(read.parameters.dropFirst(2))
        guard let count = try? data.number(UInt32.self), let ceiling = try? data.number(UInt32.self) else {
            return .unreadable
        }
        return .written(count: count, ceiling: ceiling)
    }
}
