import Synchronization
import VaultAPI

@testable import VaultClient

/// What stands between a device and a real vault and is trusted by neither: it sees every message and does with it what a
/// test says.
package final class HostileCourier: VaultDialer {
    /// A message of the device's.
    package struct Call: Sendable {
        /// Counts the messages from 0.
        package let number: Int
        package let method: String
        package let parameters: JSONValue
        /// What the device was answered, if it was.
        package internal(set) var reply: JSONValue?
        /// Whether the vault has got it.
        package internal(set) var isDelivered = false
    }

    /// What becomes of a message.
    package enum Fate: Sendable {
        case carry
        /// The connection breaks before the vault has it.
        case loseCall
        /// The connection breaks when the vault has answered.
        case loseReply
        /// The same, and something happens to the vault in between.
        case loseReplyAfter(@Sendable () async -> Void)
        /// The vault has done it, and the device is told that it was refused.
        case deny(VaultFault)
        /// The vault has it twice, the device gets the first answer.
        case carryTwice
        /// The device is told that the connection broke; the message waits for `release`, its connection kept open.
        case holdBack
        /// The vault gets another message.
        case send(JSONValue)
        /// The device gets another answer.
        case alter(@Sendable (JSONValue) -> JSONValue)
        /// The courier answers itself.
        case answer(JSONValue)
        case fault(VaultFault)
    }

    package typealias Plan = @Sendable (Call) async -> Fate

    package let address: String
    private let vault: any VaultDialer
    private let plan: Mutex<Plan>
    private let log = Mutex<[Call]>([])
    private let death = Mutex<VaultClientError?>(nil)
    private let held = Mutex<[@Sendable () async -> VaultClientError?]>([])

    package init(_ vault: any VaultDialer, plan: @escaping Plan = { _ in .carry }) {
        self.vault = vault
        address = vault.address
        self.plan = Mutex(plan)
    }

    /// Every message so far.
    package var calls: [Call] { log.withLock { $0 } }

    package func calls(of method: String) -> [Call] { calls.filter { $0.method == method } }

    /// Forgets the messages so far, and does as `plan` says from now on, which counts from 0 again.
    package func begin(_ plan: @escaping Plan = { _ in .carry }) {
        log.withLock { $0 = [] }
        death.withLock { $0 = nil }
        self.plan.withLock { $0 = plan }
    }

    /// From now on nobody answers, or whoever does cannot be talked to, for this reason.
    package func die(_ reason: VaultClientError.Reason? = nil) {
        death.withLock { $0 = VaultClientError(reason ?? .unreachable(address)) }
    }

    /// Delivers what was held back, oldest first; gives the vault's refusals.
    package func release() async -> [VaultClientError] {
        let waiting = held.withLock { held in
            defer { held = [] }
            return held
        }
        var errors: [VaultClientError] = []
        for deliver in waiting { if let error = await deliver() { errors.append(error) } }
        return errors
    }

    package func connect() async throws(VaultClientError) -> any VaultConnection {
        if let error = death.withLock({ $0 }) { throw error }
        return HostileConnection(courier: self, inner: try await vault.connect())
    }

    fileprivate func carry<M: VaultMethod>(
        _ method: M, on inner: any VaultConnection
    ) async throws(VaultClientError) -> M.Reply {
        guard death.withLock({ $0 }) == nil else { throw .connectionLost }
        let parameters = Self.json(method)
        let call = log.withLock { log in
            let call = Call(number: log.count, method: M.name, parameters: parameters)
            log.append(call)
            return call
        }
        switch await plan.withLock({ $0 })(call) {
        case .carry: return try await deliver(method, on: inner, call)
        case .loseCall:
            await inner.close()
            throw .connectionLost
        case .loseReply:
            _ = try? await deliver(method, on: inner, call)
            await inner.close()
            throw .connectionLost
        case .loseReplyAfter(let happening):
            _ = try? await deliver(method, on: inner, call)
            await happening()
            await inner.close()
            throw .connectionLost
        case .deny(let fault):
            _ = try await deliver(method, on: inner, call)
            throw .fault(fault)
        case .carryTwice:
            let reply = try await deliver(method, on: inner, call)
            _ = try? await inner.call(method)
            return reply
        case .holdBack:
            held.withLock { held in
                held.append { [self] in
                    do throws(VaultClientError) {
                        _ = try await deliver(method, on: inner, call)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            throw .connectionLost
        case .send(let other):
            guard let other = try? other.decode(M.self) else { throw .brokenReply("the test's message") }
            return try await deliver(other, on: inner, call)
        case .alter(let alteration):
            let reply = try await deliver(method, on: inner, call)
            return try Self.decode(alteration(Self.json(reply)))
        case .answer(let answer): return try Self.decode(answer)
        case .fault(let fault): throw .fault(fault)
        }
    }

    private func deliver<M: VaultMethod>(
        _ method: M, on inner: any VaultConnection, _ call: Call
    ) async throws(VaultClientError) -> M.Reply {
        log.withLock { if $0.indices.contains(call.number) { $0[call.number].isDelivered = true } }
        let reply = try await inner.call(method)
        let json = Self.json(reply)
        log.withLock { if $0.indices.contains(call.number) { $0[call.number].reply = json } }
        return reply
    }

    private static func json(_ value: some Encodable) -> JSONValue { (try? JSONValue(value)) ?? .null }

    /// A reply that does not decode is what the real connection calls a broken one.
    private static func decode<R: Decodable>(_ value: JSONValue) throws(VaultClientError) -> R {
        guard let reply = try? value.decode(R.self) else { throw .brokenReply("it does not decode") }
        return reply
    }
}

private struct HostileConnection: VaultConnection {
    let courier: HostileCourier
    let inner: any VaultConnection

    func call<M: VaultMethod>(_ method: M) async throws(VaultClientError) -> M.Reply {
        try await courier.carry(method, on: inner)
    }

    /// A message that is held back keeps its connection.
    func close() async { if !courier.holdsBack { await inner.close() } }
}

extension HostileCourier {
    fileprivate var holdsBack: Bool { held.withLock { !$0.isEmpty } }
}
