import VaultAPI

extension Vault {
    /// The journal's lines on an account, those of enrollments that were replaced or failed included.
    func history(_ call: History) throws(VaultFault) -> History.Reply {
        guard call.from >= 0 else { throw .notTheProfile }
        guard try stored({ try store.enrollments(of: call.account) }).contains(where: { $0.limit != nil }) else {
            throw .unknownAccount
        }
        let lines = try stored {
            try store.lines(of: call.account, from: call.from, limit: History.linesPerReply + 1)
        }
        return History.Reply(
            lines: Array(lines.prefix(History.linesPerReply)), more: lines.count > History.linesPerReply)
    }
}
