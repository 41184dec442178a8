import Foundation
import TestSupport
import Testing
import Varlink
import VaultAPI
import VaultTestSupport

@testable import Vault

/// What a caller gets who sends something else than the interface says.
@Suite struct BadInputTests {
    static func fault(
        _ client: VarlinkClient, _ method: String, _ json: String
    ) async throws -> (name: String, parameters: [String: String]) {
        let failure: VarlinkClientError? = await {
            do throws(VarlinkClientError) {
                _ = try await client.call("\(VaultInterface.name).\(method)", json: Data(json.utf8))
                return nil
            } catch {
                return error
            }
        }()
        guard case .remote(let name, let parameters)? = failure else { throw Unexpected.answered }
        let object = try JSONSerialization.jsonObject(with: parameters) as? [String: Any] ?? [:]
        return (name, object.compactMapValues { $0 as? String })
    }

    enum Unexpected: Error { case answered }

    static let id = Data(repeating: 7, count: 16).base64EncodedString()

    @Test("an account that is empty, too long or holds a control character is refused as the parameter it is")
    func accounts() async throws {
        try await ServedVault.with { served in
            let client = try await served.connect()
            for account in ["", String(repeating: "a", count: 129), "a\\u0000b", "a\\nb", "\\u0085"] {
                let (name, parameters) = try await Self.fault(client, "LookUp", #"{"account":"\#(account)"}"#)
                #expect(name == "org.varlink.service.InvalidParameter", "\(account)")
                #expect(parameters["parameter"] == "account")
            }
            let (name, _) = try await Self.fault(
                client, "LookUp", #"{"account":"\#(String(repeating: "a", count: 128))"}"#)
            #expect(name == VaultFault.unknownAccount.wireName)
        }
    }

    @Test("base64 that is not, wrong types and missing parameters are refused by their name")
    func types() async throws {
        try await ServedVault.with { served in
            let client = try await served.connect()
            for (json, parameter) in [
                (#"{"account":"a","enrollment":"\#(Self.id)","blinded":"A*=="}"#, "blinded"),
                (#"{"account":"a","enrollment":"\#(Self.id)","blinded":"AA"}"#, "blinded"),
                (#"{"account":"a","enrollment":"\#(Self.id)","blinded":"AAA=\n"}"#, "blinded"),
                (#"{"account":"a","enrollment":"\#(Self.id)","blinded":7}"#, "blinded"),
                (#"{"account":"a","enrollment":"AAAA","blinded":"AAAA"}"#, "enrollment"),
                (#"{"account":["a"],"enrollment":"\#(Self.id)","blinded":"AAAA"}"#, "account"),
                (#"{"account":"a","enrollment":"\#(Self.id)"}"#, "blinded"),
            ] {
                let (name, parameters) = try await Self.fault(
                    client, "Evaluate", json.replacingOccurrences(of: "\n", with: "\\n"))
                #expect(name == "org.varlink.service.InvalidParameter", "\(json)")
                #expect(parameters["parameter"] == parameter, "\(json)")
            }
        }
    }

    @Test("unknown methods and interfaces are told apart, and the vault goes on")
    func unknown() async throws {
        try await ServedVault.with { served in
            let client = try await served.connect()
            let (method, _) = try await Self.fault(client, "Guess", "{}")
            #expect(method == "org.varlink.service.MethodNotFound")
            await #expect(throws: VarlinkClientError.self) { try await client.call("org.example.Ping") }
            let description = try await client.call(
                "\(VaultInterface.name).Describe", Describe(), returning: Describe.Reply.self)
            #expect(description.suite == Recipe.suite)
            #expect(description.emulated)
        }
    }

    @Test("every element that is not a point is refused before a guess could be spent")
    func elements() async throws {
        var elements: [(why: String, hex: String)] = [
            ("empty", ""), ("the identity", "00"), ("33 zero bytes", String(repeating: "00", count: 33)),
            ("32 bytes", "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2"),
            ("34 bytes", "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c29600"),
            ("prefix 05", "056b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
            ("x = p", "02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
        ]
        if let file = SharedVectors.json("rfc/negative_elements_p256.json"),
            let refuse = file["refuse"] as? [[String: String]]
        {
            elements += refuse.map { ($0["why"] ?? "", $0["element"] ?? "") }
        }
        let all = elements
        try await ServedVault.with { served in
            let client = try await served.connect()
            for (why, element) in all {
                let blinded = Data(hex(element)).base64EncodedString()
                let (name, parameters) = try await Self.fault(
                    client, "Evaluate", #"{"account":"a","enrollment":"\#(Self.id)","blinded":"\#(blinded)"}"#)
                #expect(name == VaultFault.notAPoint.wireName, "\(why)")
                #expect(parameters["guess"] == "notSpent")
            }
        }
    }
}
