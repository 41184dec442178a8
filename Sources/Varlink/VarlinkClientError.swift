import Foundation

/// Why a call has no reply parameters.
///
/// After `closed`, `timedOut` and `malformed` nobody knows whether the service did what it was asked; after the others
/// it is known that it did not, unless the error of `remote` says otherwise.
public enum VarlinkClientError: Error, Sendable, Equatable {
    /// The address is neither that of a Unix socket nor that of a place under TLS.
    case badAddress(String)
    /// Nobody answers there.
    case unreachable(place: String, reason: String)
    /// What listens there could not prove that it is who is looked for; nothing was sent.
    case untrusted(place: String, reason: String)
    /// The parameters or the method's name cannot be sent; nothing was.
    case unusableCall(method: String)
    /// The connection ended before a reply came, or had ended before.
    case closed
    /// The reply did not come in time; the connection is closed, since it may still come.
    case timedOut
    /// The service sent something else than a Varlink reply, or the reply is not of the type asked for.
    case malformed(reason: String)
    /// The service answered with this error, and this JSON object of its parameters.
    case remote(name: String, parameters: Data)
}

extension VarlinkClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badAddress(let address):
            "Give the service's address as unix:/path of at most \(SocketFile.longestPath) bytes or as tls:host:port, not"
                + " \(address)."
        case .unreachable(let place, let reason): "Check that the service runs at \(place): \(reason)."
        case .untrusted(let place, let reason): "Check who listens at \(place): \(reason)."
        case .unusableCall(let method):
            "Call \(method) with an object within the limits of size and depth; this call was not sent."
        case .closed: "Connect again; the service closed the connection without an answer."
        case .timedOut: "Connect again and ask what happened; the service did not answer in time."
        case .malformed(let reason): "Check what answers at this address; it broke the protocol. \(reason)"
        case .remote(let name, _): "The service answered with \(name)."
        }
    }

    /// The parameters of a `remote` error as a value; `nil` for every other case and if they are of another type.
    public func remoteParameters<T: Decodable>(_ type: T.Type = T.self) -> T? {
        guard case .remote(_, let parameters) = self else { return nil }
        return try? JSONDecoder().decode(type, from: parameters)
    }
}
