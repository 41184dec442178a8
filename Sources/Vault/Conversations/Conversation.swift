import Foundation
import VaultAPI
import Varlink

/// One client's calls, decoded and handed to the vault in their turn: the socket's side of a conversation.
public struct Conversation: VarlinkConversation {
    private let vault: Vault
    private let connection: ConnectionID
    /// Whom the caller speaks for; `nil` where it is trusted to say so in each call.
    private var account: Account?

    public init(_ vault: Vault, _ connection: ConnectionID) {
        self.vault = vault
        self.connection = connection
    }

    /// The same conversation with somebody who speaks for this account alone.
    func speaking(for account: Account) -> Conversation {
        var conversation = self
        conversation.account = account
        return conversation
    }

    var metrics: VaultMetrics { vault.metrics }

    public func handle(_ call: VarlinkCall) async -> VarlinkReply {
        guard call.interface == VaultInterface.name else { return .interfaceNotFound(call.interface) }
        let begun = ContinuousClock.now
        guard let reply = await route(call) else { return .methodNotFound(call.method) }
        metrics.count(call.member, reply.outcome, ContinuousClock.now - begun)
        return reply
    }

    private func route(_ call: VarlinkCall) async -> VarlinkReply? {
        let connection = connection
        return switch call.member {
        case Describe.name: .encoding(vault.describe())
        case StartSession.name:
            await answer(call, startsSession: true) { (vault, call: StartSession) throws(VaultFault) in
                try vault.start(call, for: connection)
            }
        case Prove.name:
            await answer(call) { (vault, call: Prove) throws(VaultFault) in try vault.prove(call, for: connection) }
        case Reserve.name:
            await answer(call) { (vault, call: Reserve) throws(VaultFault) in try vault.reserve(call, for: connection) }
        case Define.name:
            await answer(call) { (vault, call: Define) throws(VaultFault) in try vault.define(call, for: connection) }
        case WriteSlot.name:
            await answer(call) { (vault, call: WriteSlot) throws(VaultFault) in try vault.write(call, for: connection) }
        case Evaluate.name:
            await answer(call) { (vault, call: Evaluate) throws(VaultFault) in try vault.evaluate(call, for: connection)
            }
        case Commit.name: await answer(call) { (vault, call: Commit) throws(VaultFault) in try vault.commit(call) }
        case LookUp.name: await answer(call) { (vault, call: LookUp) throws(VaultFault) in try vault.lookUp(call) }
        case Challenge.name:
            await answer(call, startsSession: true) { (vault, call: Challenge) throws(VaultFault) in
                try vault.challenge(call, for: connection)
            }
        case Open.name:
            await answer(call) { (vault, call: Open) throws(VaultFault) in try vault.open(call, for: connection) }
        case Certify.name: await answer(call) { (vault, call: Certify) throws(VaultFault) in try vault.certify(call) }
        case History.name: await answer(call) { (vault, call: History) throws(VaultFault) in try vault.history(call) }
        case Forget.name: await answer(call) { (vault, call: Forget) throws(VaultFault) in try vault.forget(call) }
        default: nil
        }
    }

    public func ended() async {
        let connection = connection
        // What names no account is never refused.
        try? await vault.take(turnOf: Caller(connection: connection, account: nil)) { $0.ended(connection) }
    }

    private func answer<Method: VaultMethod>(
        _ call: VarlinkCall, startsSession: Bool = false,
        _ body: @escaping @Sendable (isolated Vault, Method) throws(VaultFault) -> Method.Reply
    ) async -> VarlinkReply {
        await answer(call, startsSession: startsSession) { (vault, method: Method) throws(VaultFault) in
            .reply(try body(vault, method)) as Step<Method.Reply>
        }
    }

    private func answer<Method: VaultMethod>(
        _ call: VarlinkCall, startsSession: Bool = false,
        _ body: @escaping @Sendable (isolated Vault, Method) throws(VaultFault) -> Step<Method.Reply>
    ) async -> VarlinkReply {
        let parameters: Method
        do {
            parameters = try call.decode()
        } catch {
            return error.reply
        }
        do throws(VaultFault) {
            // The attack: 1. somebody has a token of an account of his own; 2. he names another account, and spends its
            // guesses. Refused before the call waits for anything.
            if let account, let named = parameters.onBehalfOf, named != account {
                return AccessFault.otherAccount.reply
            }
            guard parameters.hasProfileSizes else { throw .notTheProfile }
            let caller = Caller(connection: connection, account: parameters.onBehalfOf ?? account)
            return .encoding(
                try await vault.take(turnOf: caller, startsSession: startsSession) { (vault) throws(VaultFault) in
                    try body(vault, parameters)
                })
        } catch {
            return .error(
                error.wireName, encoding: FaultParameters(guess: error.guess.rawValue, message: error.description))
        }
    }
}

extension AccessFault {
    var reply: VarlinkReply {
        .error(
            wireName, encoding: FaultParameters(guess: VaultFault.Guess.notSpent.rawValue, message: description))
    }
}

extension VarlinkReply {
    /// `ok`, or the error's name without its interface.
    fileprivate var outcome: String {
        guard case .error(let name, _) = self else { return "ok" }
        return name.split(separator: ".").last.map { String($0) } ?? name
    }
}
