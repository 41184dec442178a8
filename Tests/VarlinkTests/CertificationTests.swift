import Foundation
import TestSupport
import Testing

@testable import Varlink

/// The certification program of Varlink's implementation in Go, as Debian's package `varlink-go` has it.
@Suite("the certification in Go", .timeLimit(.minutes(2))) struct CertificationTests {
    static let program = "varlink-go-certification"

    @Test("its client goes through every step at our server: values of each type, several replies, and none")
    func client() async throws {
        try await withFolder { folder in
            let description = try await Self.description(folder)
            let certification = CertificationService()
            let server = try await VarlinkServer.start(
                at: folder + "/socket",
                service: VarlinkService(
                    vendor: "Example", product: "Certification", version: "1", url: "https://example.org",
                    interfaces: [VarlinkInterface(name: "org.varlink.certification", description: description)])
            ) { _ in CertificationService.Conversation(service: certification) }
            let (status, output, errors) = try await IndependentClientTests.run(
                [Self.program, "-client", "-varlink=unix:\(server.path)"], in: folder)
            await server.shutdown(within: .seconds(5))
            #expect(status == 0 && (output + errors).contains("End: 'true'"), "\(output)\(errors)")
            #expect(certification.done == [CertificationService.all])
        }
    }

    /// The interface's description, asked of the program's own server by our client.
    static func description(_ folder: String) async throws -> String {
        let server = try await ChildProcess.spawn(
            [program, "-varlink=unix:\(folder)/go"], in: URL(filePath: folder), output: "go.out", errors: "go.err")
        defer { server.end(SIGTERM) }
        let end = ContinuousClock.now + .seconds(60)
        while !FileManager.default.fileExists(atPath: folder + "/go") {
            guard ContinuousClock.now < end, !server.hasEnded else {
                throw HarnessError("\(program) does not run; install it with: ./swtpm-setup test")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        let client = try await VarlinkClient.connect(to: VarlinkAddress("unix:\(folder)/go"))
        let reply = try await client.call(
            "org.varlink.service.GetInterfaceDescription", ["interface": "org.varlink.certification"],
            returning: [String: String].self)
        await client.close()
        return try #require(reply["description"])
    }
}
