import Foundation
import Synchronization

@testable import Varlink

/// A server of org.varlink.certification: each call must bring what the one before it gave.
final class CertificationService: Sendable {
    /// What each method takes beside the client's id, and what it gives; the values are ours.
    private static let steps: [(member: String, takes: String, gives: String)] = {
        let mixed = #"{"bool":false,"int":-2,"float":2.718281828459045,"string":"zwölf \" Boxkämpfer"}"#
        let map = #"{"map":{"a":"Alpha","b":"Beta"}}"#
        let set = #"{"set":{"red":{},"green":{}}}"#
        let replies = (1...10).map { #""Reply \#($0)""# }.joined(separator: ",")
        let type = """
            {"mytype":{"object":{"any":[1,null,{"thing":true}]},"enum":"three","struct":{"first":7,"second":"s"},
            "array":["x","y"],"dictionary":{"k":"v"},"stringset":{"only":{}},"nullable_array_struct":[{"first":1,
            "second":"t"}],"interface":{"foo":[null,{"k":"bar","l":"baz"}],"anon":{"foo":false,"bar":true}}}}
            """
        return [
            ("Test01", "{}", #"{"bool":true}"#), ("Test02", #"{"bool":true}"#, #"{"int":9007199254740991}"#),
            ("Test03", #"{"int":9007199254740991}"#, #"{"float":0.5}"#),
            ("Test04", #"{"float":0.5}"#, #"{"string":"ping"}"#), ("Test05", #"{"string":"ping"}"#, mixed),
            ("Test06", mixed, #"{"struct":\#(mixed)}"#), ("Test07", #"{"struct":\#(mixed)}"#, map),
            ("Test08", map, set),
            ("Test09", set, type), ("Test10", type, #"{"string":"Reply 10"}"#),
            ("Test11", #"{"last_more_replies":[\#(replies)]}"#, "{}"), ("End", "{}", #"{"all_ok":true}"#),
        ]
    }()

    /// How far each client has come.
    private let progress = Mutex<[String: Int]>([:])

    /// The members that clients called in order.
    var done: [Int] { progress.withLock { Array($0.values) } }
    /// As many as a client that did everything.
    static var all: Int { steps.count }

    struct Conversation: VarlinkConversation {
        let service: CertificationService

        func handle(_ call: VarlinkCall) async -> VarlinkReply { await service.answer(call, ahead: nil) }

        func handle(_ call: VarlinkCall, ahead: VarlinkReplies) async -> VarlinkReply {
            await service.answer(call, ahead: ahead)
        }

        func ended() async {}
    }

    private func answer(_ call: VarlinkCall, ahead: VarlinkReplies?) async -> VarlinkReply {
        if call.member == "Start" {
            let id = UUID().uuidString
            progress.withLock { $0[id] = 0 }
            return .encoding(["client_id": id])
        }
        guard let index = Self.steps.firstIndex(where: { $0.member == call.member }) else {
            return .methodNotFound(call.method)
        }
        guard var parameters = Self.object(call.parameters),
            let id = parameters.removeValue(forKey: "client_id") as? String,
            progress.withLock({ $0[id] == index })
        else { return .error("org.varlink.certification.ClientIdError", encoding: [String: String]()) }
        let step = Self.steps[index]
        guard NSDictionary(dictionary: parameters) == Self.object(Data(step.takes.utf8)).map(NSDictionary.init),
            call.isOneway == (step.member == "Test11")
        else {
            return .error(
                name: "org.varlink.certification.CertificationError",
                parameters: Data(#"{"wants":\#(step.takes),"got":{}}"#.utf8))
        }
        if step.member == "Test10" {
            guard let ahead else { return .expectedMore }
            for number in 1...9 {
                guard (try? await ahead.send(["string": "Reply \(number)"])) != nil else { return .expectedMore }
            }
        }
        progress.withLock { $0[id] = index + 1 }
        return .parameters(Data(step.gives.utf8))
    }

    private static func object(_ json: Data) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: json)) as? [String: Any]
    }
}
