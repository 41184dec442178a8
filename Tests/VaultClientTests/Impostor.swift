import Foundation
import OPRF
import Secrets
import Synchronization
import VaultAPI

@testable import VaultClient

/// Something that answers in place of a vault, and remembers every message it got.
final class Impostor: VaultConnection {
    struct Message: Equatable {
        let name: String
        let text: String
    }

    private let seen = Mutex<[Message]>([])
    private let answer: @Sendable (any VaultMethod, Int) throws(VaultClientError) -> any Sendable

    /// - Parameter answer: gets a message and how many came before it; its error ends the call.
    init(_ answer: @escaping @Sendable (any VaultMethod, Int) throws(VaultClientError) -> any Sendable) {
        self.answer = answer
    }

    var messages: [Message] { seen.withLock { $0 } }
    var names: [String] { messages.map(\.name) }

    func call<M: VaultMethod>(_ method: M) async throws(VaultClientError) -> M.Reply {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = (try? encoder.encode(method)).map { String(decoding: $0, as: UTF8.self) } ?? "?"
        let before = seen.withLock { seen in
            seen.append(Message(name: M.name, text: text))
            return seen.count - 1
        }
        guard let reply = try answer(method, before) as? M.Reply else {
            throw VaultClientError(.brokenReply("the impostor has no answer to \(M.name)"))
        }
        return reply
    }

    func close() async {}
}

extension Impostor {
    /// Serves the fixture's recipe with a confirmation of its choice, and evaluates with its own key.
    static func evaluating(
        confirmation: [UInt8] = [UInt8](repeating: 1, count: 32), recipe: Recipe,
        losing lost: Set<Int> = []
    ) throws -> Impostor {
        let key = SharedSecret(Scalar.random().bigEndian.duplicate())
        return Impostor { (method, before) throws(VaultClientError) in
            if lost.contains(before) { throw .connectionLost }
            switch method {
            case is LookUp:
                return LookUp.Reply(
                    recipe: recipe, confirmation: Bytes(confirmation), bundle: Bytes([]), olderKeys: Bytes([]),
                    ceilingRecord: nil, count: 1, ceiling: 11, replaced: [])
            case let evaluate as Evaluate:
                guard let point = try? Element(sec1: evaluate.blinded.bytes),
                    let scalar = Scalar(bigEndian: key.bytes.duplicate()), let product = try? point.times(scalar)
                else { throw .fault(.notAPoint) }
                return Evaluate.Reply(evaluated: Bytes(product.sec1), guessesLeft: 9)
            default:
                throw .fault(.wrongEnrollment)
            }
        }
    }
}
