import Foundation

/// What a server says before it closes a connection that cannot go on.
public enum TransportFault: Error, Sendable, Equatable {
    /// A message is longer than `limit` bytes.
    case messageTooLarge(limit: Int)
    /// A message is not a call; the reason is a sentence that has nothing of the message in it.
    case messageMalformed(reason: String)
    /// A message was not complete in time.
    case messageTimedOut
    /// There are `limit` connections already, in all or of this peer: this one is not let in, or makes room for another.
    case tooManyConnections(limit: Int)
    /// The time is over for which the peer was let in; no call was begun.
    case introductionOver
    /// The server is about to end; the call was not begun.
    case shuttingDown
    /// The call was handled, but its reply cannot be sent. This is a fault of the service.
    case replyUnusable

    /// The interface that declares these errors.
    public static let interface = VarlinkInterface(
        name: "org.tenpin.Transport",
        description: """
            # Faults of a connection, not of a call. After each of them the service closes the connection.
            interface org.tenpin.Transport

            # A message is longer than this many bytes.
            error MessageTooLarge (limit: int)

            # A message is not a Varlink call in strict JSON.
            error MessageMalformed (reason: string)

            # A message was not complete in time.
            error MessageTimedOut ()

            # There are this many connections already, in all or of one user: this one is not let in, or was idle for
            # longest and makes room. Try again later.
            error TooManyConnections (limit: int)

            # What the peer said of itself holds no longer. No call was begun; connect anew.
            error IntroductionOver ()

            # The service is about to end. The call was not begun.
            error ShuttingDown ()

            # The call was handled but its reply cannot be sent; do not take it for undone.
            error ReplyUnusable ()

            """)

    /// The error as it is sent.
    public var reply: VarlinkReply {
        let name = Self.interface.name
        return switch self {
        case .messageTooLarge(let limit): .error("\(name).MessageTooLarge", encoding: ["limit": limit])
        case .messageMalformed(let reason): .error("\(name).MessageMalformed", encoding: ["reason": reason])
        case .messageTimedOut: .error(name: "\(name).MessageTimedOut", parameters: Data("{}".utf8))
        case .tooManyConnections(let limit): .error("\(name).TooManyConnections", encoding: ["limit": limit])
        case .introductionOver: .error(name: "\(name).IntroductionOver", parameters: Data("{}".utf8))
        case .shuttingDown: .error(name: "\(name).ShuttingDown", parameters: Data("{}".utf8))
        case .replyUnusable: .error(name: "\(name).ReplyUnusable", parameters: Data("{}".utf8))
        }
    }
}
