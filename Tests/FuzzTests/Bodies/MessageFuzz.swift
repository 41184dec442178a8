import Foundation
import VaultAPI

@testable import Varlink

/// Varlink messages and the parameters of org.tenpin.Vault. The first byte picks what to read the rest as.
enum MessageFuzz: FuzzBody {
    static let largest = 4096

    static func take(_ bytes: [UInt8]) throws(Finding) {
        guard let kind = bytes.first else { return }
        let text = Array(bytes.dropFirst())
        guard let members = attempt({ () throws(StrictJSONError) in try StrictJSON.members(of: text) }) else { return }
        try agreesWithFoundation(text, members)
        try envelopes(text)
        try Shape.all[Int(kind) % Shape.all.count].check(Data(text))
    }

    /// Whatever passes the strict check, the decoder reads with the same members, or refuses.
    private static func agreesWithFoundation(_ text: [UInt8], _ members: [StrictJSON.Member]) throws(Finding) {
        guard let read = try? JSONDecoder().decode([String: Anything].self, from: Data(text)) else { return }
        try must(
            Set(read.keys) == Set(members.map(\.name)) && read.count == members.count,
            "two readers see other members")
    }

    /// What an envelope carries goes out again byte for byte.
    private static func envelopes(_ text: [UInt8]) throws(Finding) {
        let limits = VarlinkLimits()
        if let call = attempt({ () throws(EnvelopeError) in try CallEnvelope(text, depth: limits.depth) }) {
            _ = VarlinkCall(method: call.method, parameters: call.parameters)
        }
        guard let reply = attempt({ () throws(EnvelopeError) in try ReplyEnvelope(text, depth: limits.depth) }) else {
            return
        }
        let again: VarlinkReply =
            if let name = reply.error {
                .error(name: name, parameters: reply.parameters)
            } else {
                .parameters(reply.parameters)
            }
        guard var sent = again.bytes(limits: limits) else { return }
        try mustEqual(sent.removeLast(), 0, "a message ends with NUL")
        guard let back = attempt({ () throws(EnvelopeError) in try ReplyEnvelope(sent, depth: limits.depth) }) else {
            throw Finding(description: "a reply that was sent is refused")
        }
        try mustEqual(back.parameters, reply.parameters, "parameters are sent as they came")
        try mustEqual(back.error, reply.error, "an error keeps its name")
    }

    private struct Anything: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    static func seeds() throws -> [[UInt8]] {
        let envelopes = [
            #"{"method":"org.tenpin.Vault.LookUp","parameters":{"account":"alice"},"oneway":false,"more":true}"#,
            #"{"error":"org.tenpin.Vault.LockedOut","parameters":{"guess":"notSpent","message":"\u00e9 \ud83d\ude00"}}"#,
            #"{"parameters":{"a":[1,-2.5e+3,null,true,{"b":"\\\"\/\b\f\n\r\t"}]}}"#,
        ]
        return envelopes.map { [0] + Array($0.utf8) }
            + (try Shape.all.enumerated().map { [UInt8($0.offset)] + Array(try $0.element.seed()) })
    }
}

/// One type of message: what was decoded has one encoding, which decodes to the same.
private struct Shape: Sendable {
    let check: @Sendable (Data) throws(Finding) -> Void
    let seed: @Sendable () throws -> Data

    private init<T: Codable & Sendable>(_ example: T, _ look: @escaping @Sendable (T) -> Void = { _ in }) {
        seed = { try Self.encoder().encode(example) }
        check = { (data: Data) throws(Finding) in
            guard let value = try? JSONDecoder().decode(T.self, from: data) else { return }
            look(value)
            guard let encoded = try? Self.encoder().encode(value),
                (try? StrictJSON.check(encoded)) != nil,
                let again = try? JSONDecoder().decode(T.self, from: encoded)
            else { throw Finding(description: "a \(T.self) that was read cannot be sent on") }
            try must((try? Self.encoder().encode(again)) == encoded, "a \(T.self) changes on its way")
        }
    }

    private init<M: VaultMethod>(method example: M) {
        self.init(example) { _ = $0.hasProfileSizes }
    }

    private static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    static let all: [Shape] = {
        guard let account = try? Account("käthe"), let id = EnrollmentID([UInt8](repeating: 7, count: 16)) else {
            return []
        }
        let bytes = Bytes([UInt8](repeating: 0xA5, count: 32))
        let carried = Carried(nonceCaller: bytes, attributes: 0x21, hmac: bytes)
        let sealed = SealedObject(publicArea: bytes, duplicate: bytes, encryptedSeed: bytes)
        let granted = Granted(guesses: 3, mac: bytes)
        let recipe = RecipeFuzz.example(account, id)
        let record = CeilingRecord(ceiling: 12, nonceTPM: bytes, signature: bytes, granted: granted)
        return [
            Shape(method: StartSession(kind: .policy, encryptedSalt: bytes, nonceCaller: bytes)),
            Shape(method: Prove(session: 1, fact: .slot, account: account, enrollment: id, authorization: carried)),
            Shape(method: Reserve(account: account, enrollment: id, replaces: id)),
            Shape(
                method: Define(account: account, enrollment: id, limitKey: bytes, slot: bytes, evaluationKey: sealed)),
            Shape(
                method: WriteSlot(
                    session: 2, account: account, enrollment: id, write: .ceiling, value: 12, nonceTPM: bytes,
                    signature: bytes, authorization: carried, granted: granted)),
            Shape(
                method: Commit(
                    recipe: recipe, confirmation: bytes, openKey: bytes, bundle: sealed, olderKeys: Bytes([]))),
            Shape(method: LookUp(account: account)),
            Shape(method: Evaluate(account: account, enrollment: id, blinded: bytes)),
            Shape(method: Challenge(account: account, enrollment: id)),
            Shape(method: Open(session: 3, account: account, enrollment: id, nonceTPM: bytes, signature: bytes)),
            Shape(method: Forget(account: account, enrollment: id, unburnt: true)),
            Shape(
                Describe.Reply(
                    suite: Recipe.suite, endorsementKey: bytes, certificate: bytes, intermediates: [bytes],
                    parent: bytes, freeSlots: 900, emulated: true)),
            Shape(StartSession.Reply(session: 1, nonceTPM: bytes)),
            Shape(CarriedReply(parameters: bytes, nonceTPM: bytes, attributes: 1, hmac: bytes)),
            Shape(Reserve.Reply(slot: 0x0180_0000)),
            Shape(
                LookUp.Reply(
                    recipe: recipe, confirmation: bytes, bundle: bytes, olderKeys: bytes, ceilingRecord: record,
                    count: 2, ceiling: 12, replaced: [id])),
            Shape(Evaluate.Reply(evaluated: bytes, guessesLeft: 9)),
            Shape(Challenge.Reply(session: 3, nonceTPM: bytes)), Shape(Open.Reply(bundle: bytes)),
            Shape(FaultParameters(guess: "spent", message: "A sentence.")),
        ]
    }()
}
