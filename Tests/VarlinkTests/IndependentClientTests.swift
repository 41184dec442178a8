import Foundation
import TestSupport
import Testing

@testable import Varlink

/// The reference client in Python, from the package index.
@Suite("the Python client", .timeLimit(.minutes(5)))
struct IndependentClientTests {
    static let script = """
        import json, sys, varlink

        found = {}
        with varlink.Client(sys.argv[1]) as client:
            with client.open("org.varlink.service") as service:
                info = service.GetInfo()
                found["info"] = [info[name] for name in ("vendor", "product", "version", "url")]
                found["description"] = service.GetInterfaceDescription("org.example.Ping")["description"]
                try:
                    service.GetInterfaceDescription("org.example.Nope")
                except varlink.InterfaceNotFound as error:
                    found["no interface"] = error.parameters()
            found["members"] = {name: sorted(client.get_interface(name).members) for name in info["interfaces"]}
            with client.open("org.example.Ping") as ping:
                found["ping"] = ping.Ping(ping="h\\u00e9llo \\U0001f600")
                found["nest"] = ping.Nest(nested={"list": [1, 2, 39]})
                ping.Ping(ping="oneway", _oneway=True)
                try:
                    ping.Fail(code=7)
                except varlink.VarlinkError as error:
                    found["error"] = [error.error(), error.parameters()]
        print(json.dumps(found, sort_keys=True))
        """

    @Test("describes the service to itself, parses every interface, calls and fails as it should")
    func python() async throws {
        try await withFolder { folder in
            let python = try TestPython.interpreter()
            try Data(Self.script.utf8).write(to: URL(filePath: folder + "/script.py"))
            try await withServer { server, service in
                let (status, text, errors) = try await Self.run(
                    [python, "script.py", "unix:" + server.path], in: folder)
                try #require(status == 0, "\(errors)")
                let found = try JSONDecoder().decode(Found.self, from: Data(text.utf8))
                #expect(found.info == ["Example", "Ping", "1", "https://example.org"])
                #expect(found.description == PingService.interface.description)
                #expect(found.noInterface == ["interface": "org.example.Nope"])
                #expect(
                    found.members["org.varlink.service"] == [
                        "ExpectedMore", "GetInfo", "GetInterfaceDescription", "InterfaceNotFound", "InvalidParameter",
                        "MethodNotFound", "MethodNotImplemented", "PermissionDenied",
                    ])
                #expect(
                    found.members["org.tenpin.Transport"] == [
                        "IntroductionOver", "MessageMalformed", "MessageTimedOut", "MessageTooLarge", "ReplyUnusable",
                        "ShuttingDown", "TooManyConnections",
                    ])
                #expect(found.ping == ["pong": "héllo 😀"])
                #expect(found.nest == ["sum": 42])
                #expect(found.error == Found.Failure(name: "org.example.Ping.Refused", code: 7))
                #expect(service.events.filter { $0.hasPrefix("ping") } == ["ping héllo 😀", "ping oneway"])
            }
        }
    }

    struct Found: Decodable {
        var info: [String]
        var description: String
        var noInterface: [String: String]
        var members: [String: [String]]
        var ping: [String: String]
        var nest: [String: Int]
        var error: Failure

        enum CodingKeys: String, CodingKey {
            case info, description, members, ping, nest, error
            case noInterface = "no interface"
        }

        struct Failure: Decodable, Equatable {
            var name: String
            var code: Int

            init(name: String, code: Int) {
                self.name = name
                self.code = code
            }

            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                name = try list.decode(String.self)
                code = try list.decode([String: Int].self)["code"] ?? -1
            }
        }
    }

    /// Runs a program in `folder`, to its end.
    static func run(
        _ command: [String], in folder: String
    ) async throws -> (status: Int32, output: String, errors: String) {
        let client = try await ChildProcess.spawn(
            command, in: URL(filePath: folder), output: "output", errors: "errors")
        let status = await client.status()
        return (
            status, try String(contentsOfFile: folder + "/output", encoding: .utf8),
            try String(contentsOfFile: folder + "/errors", encoding: .utf8)
        )
    }
}
