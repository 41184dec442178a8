import Foundation
import Synchronization
import VaultAPI
import Varlink

/// A caller on the network: one that shows a token for an account speaks for that account and no other, one that came with
/// a gateway's certificate for all. Whoever did neither gets no call through to the vault.
public final class RemoteConversation: VarlinkConversation {
    /// What a token that held says.
    public struct Standing: Sendable {
        public let account: Account
        /// Seconds since 1970.
        public let ends: Double
        /// Which reading of the account service's keys it was verified with.
        public let keys: Int

        public init(account: Account, ends: Double, keys: Int) {
            self.account = account
            self.ends = ends
            self.keys = keys
        }
    }

    private struct Known {
        let conversation: Conversation
        let token: String
        var standing: Standing
    }

    private let peer: RemotePeer
    private let conversation: Conversation
    private let keys: @Sendable () -> Int
    private let verify: @Sendable (String, Double) async throws(AccessFault) -> Standing
    private let now: @Sendable () -> Date
    private let known = Mutex<Known?>(nil)

    /// - Parameters:
    ///   - conversation: what a gateway talks to, and everyone else for one account.
    ///   - now: this host's clock.
    ///   - keys: the number of the newest reading of the account service's keys.
    ///   - verify: tells for whom a token speaks, at a time in seconds since 1970.
    public init(
        _ peer: RemotePeer, _ conversation: Conversation, now: @escaping @Sendable () -> Date = Date.init,
        keys: @escaping @Sendable () -> Int,
        verify: @escaping @Sendable (String, Double) async throws(AccessFault) -> Standing
    ) {
        self.peer = peer
        self.conversation = conversation
        self.keys = keys
        self.verify = verify
        self.now = now
    }

    public func handle(_ call: VarlinkCall) async -> VarlinkReply {
        if peer.isGateway { return await conversation.handle(call) }
        guard let known = known.withLock({ $0 }) else {
            return call.method == Present.name ? await present(call) : refuse(.tokenMissing)
        }
        // The connection's own clock ends it too, but stands still while the machine sleeps.
        guard now().timeIntervalSince1970 < known.standing.ends else { return refuse(.tokenExpired) }
        if let fault = await falls(known) { return refuse(fault) }
        return await known.conversation.handle(call)
    }

    /// The attack: 1. the account service's key is stolen; 2. it is taken out of the vault's file; 3. the thief's connections
    /// go on for as long as his tokens say. So a token is verified again when the keys were read again.
    private func falls(_ old: Known) async -> AccessFault? {
        guard old.standing.keys != keys() else { return nil }
        do throws(AccessFault) {
            let standing = try await verify(old.token, now().timeIntervalSince1970)
            known.withLock { $0?.standing = standing }
            return nil
        } catch {
            return error
        }
    }

    /// Nothing of a stranger's ever reached the vault, so nothing has to be ended there: not even a turn is taken.
    public func ended() async {
        if peer.isGateway || known.withLock({ $0 != nil }) { await conversation.ended() }
    }

    private func present(_ call: VarlinkCall) async -> VarlinkReply {
        let token: String
        do {
            token = try call.decode(Present.self).token
        } catch {
            return error.reply
        }
        do throws(AccessFault) {
            let now = now().timeIntervalSince1970
            let found = try await verify(token, now)
            let left = Duration.seconds(max(0, found.ends - now))
            do throws(TransportFault) {
                try await peer.introduce(as: found.account.id, for: left)
            } catch {
                peer.endAfterReply()
                return error.reply
            }
            let own = conversation.speaking(for: found.account)
            known.withLock { $0 = Known(conversation: own, token: token, standing: found) }
            conversation.metrics.countToken("ok")
            return .encoding(Present.Reply(account: found.account, ends: Int(found.ends)))
        } catch {
            return refuse(error)
        }
    }

    private func refuse(_ fault: AccessFault) -> VarlinkReply {
        conversation.metrics.countToken(fault.rawValue)
        peer.endAfterReply()
        return fault.reply
    }
}
