import Foundation
import VaultAPI
import Varlink

/// One client's calls, decoded and handed to the vault: the socket's side of a conversation.
public struct Conversation: VarlinkConversation {
    private let vault: Vault
    private let connection: ConnectionID

    public init(_ vault: Vault, _ connection: ConnectionID) {
        self.vault = vault
        self.connection = connection
    }

    public func handle(_ call: VarlinkCall) async -> VarlinkReply {
        guard call.interface == VaultInterface.name else { return .interfaceNotFound(call.interface) }
        let (vault, connection) = (vault, connection)
        return switch call.member {
        case Describe.name: await answer(call) { (_: Describe) in try await vault.describe() }
        case StartSession.name: await answer(call) { try await vault.start($0 as StartSession, for: connection) }
        case Prove.name: await answer(call) { try await vault.prove($0 as Prove, for: connection) }
        case Reserve.name: await answer(call) { try await vault.reserve($0 as Reserve, for: connection) }
        case Define.name: await answer(call) { try await vault.define($0 as Define, for: connection) }
        case WriteSlot.name: await answer(call) { try await vault.write($0 as WriteSlot, for: connection) }
        case Evaluate.name: await answer(call) { try await vault.evaluate($0 as Evaluate) }
        case Commit.name: await answer(call) { try await vault.commit($0 as Commit) }
        case LookUp.name: await answer(call) { try await vault.lookUp($0 as LookUp) }
        case Challenge.name: await answer(call) { try await vault.challenge($0 as Challenge, for: connection) }
        case Open.name: await answer(call) { try await vault.open($0 as Open, for: connection) }
        case Forget.name: await answer(call) { try await vault.forget($0 as Forget) }
        default: .methodNotFound(call.method)
        }
    }

    public func ended() async { await vault.ended(connection) }

    private func answer<Method: VaultMethod>(
        _ call: VarlinkCall, _ body: (Method) async throws -> Method.Reply
    ) async -> VarlinkReply {
        let parameters: Method
        do {
            parameters = try call.decode()
        } catch {
            return error.reply
        }
        let fault: VaultFault
        do {
            guard parameters.hasProfileSizes else { throw VaultFault.notTheProfile }
            return .encoding(try await body(parameters))
        } catch let known as VaultFault {
            fault = known
        } catch {
            // Nobody knows how far it came.
            fault = .chipFailedAfterSpending
        }
        return .error(
            fault.wireName, encoding: FaultParameters(guess: fault.guess.rawValue, message: fault.description))
    }
}
