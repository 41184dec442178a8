/// The service's side of one connection: made when it opens, and gone with it.
///
/// Calls come strictly one after another, in the order in which they were sent; the next one is not even read while one
/// is being handled. A peer that hangs up does not interrupt the call under way; its reply is then dropped.
public protocol VarlinkConversation: Sendable {
    /// Answers one call of an interface that the service was given.
    func handle(_ call: VarlinkCall) async -> VarlinkReply
    /// Answers a call with `more`: sends any number of replies through `ahead`, and gives the last one. Who has only one
    /// reply to each call leaves this out.
    func handle(_ call: VarlinkCall, ahead: VarlinkReplies) async -> VarlinkReply
    /// The connection is over, however it ended. Called exactly once, after the last call has been handled.
    func ended() async
}

extension VarlinkConversation {
    public func handle(_ call: VarlinkCall, ahead: VarlinkReplies) async -> VarlinkReply { await handle(call) }
}
