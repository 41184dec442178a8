import Foundation
import NIOCore

/// The way for replies ahead of the last one, to a caller that asked for `more` (varlink.org, Method Call).
///
/// One is on its way at a time, within the deadline for writes: a peer that does not read costs one reply of memory,
/// and its connection.
public struct VarlinkReplies: Sendable {
    private let write: @Sendable ([UInt8]) async throws -> Void
    private let limits: VarlinkLimits

    /// `write` ends once the peer's socket took the bytes, and throws when it never will.
    init(limits: VarlinkLimits, write: @escaping @Sendable ([UInt8]) async throws -> Void) {
        self.limits = limits
        self.write = write
    }

    /// Why a reply was not sent; no later one will be.
    public enum Failure: Error, Sendable, Equatable {
        /// The peer is gone, or did not read in time.
        case gone
        /// The reply is too large or no JSON object. End the call with an error.
        case unusable
    }

    /// Sends output parameters that more follow; `value` must encode as a JSON object.
    public func send(_ value: some Encodable) async throws(Failure) {
        guard let bytes = VarlinkReply.encoding(value).bytes(limits: limits, continues: true) else { throw .unusable }
        do {
            try await write(bytes)
        } catch {
            throw .gone
        }
    }
}
