/// A peer on the network, and what a conversation decides about its connection.
public struct RemotePeer: Sendable {
    /// The address it came from.
    public let address: String
    /// Whether it showed a certificate of the authority that certifies programs which speak for many.
    public let isGateway: Bool
    let introduced: @Sendable (String, Duration) async throws -> Void
    let endsAfterReply: @Sendable () -> Void

    /// Gives the peer a place among those who are known, under this name and for so long: when the time is over, the
    /// connection ends, and a call under way is answered first.
    ///
    /// Throws when there is no place; the connection then goes on as before.
    public func introduce(as name: String, for duration: Duration) async throws(TransportFault) {
        do {
            try await introduced(name, duration)
        } catch {
            throw (error as? ConnectionRegistry.Refusal)?.fault ?? .shuttingDown
        }
    }

    /// Ends the connection when the call under way is answered.
    public func endAfterReply() { endsAfterReply() }
}
