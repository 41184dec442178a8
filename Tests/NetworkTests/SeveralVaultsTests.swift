import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// Three vaults on the network, each with an authority, an account service and a chip of its own, that hold one key together.
@Suite("Several vaults on the network", .timeLimit(.minutes(5))) struct SeveralVaultsTests {
    @Test("the key comes back from two of three, with a token for each; who has none for one spends nothing there")
    func story() async throws {
        try await Self.with { sites in
            let desk = sites[0].stage.desk
            try Self.writeTokens(sites, to: "tokens")
            let enrolled = try await Self.run("enroll", sites, "phone", ["--memory", "64", "--passes", "3"])
            #expect(enrolled.status == 0 && enrolled.output.contains("Any 2 of the 3 vaults"), "\(enrolled.errors)")
            let recovered = try await Self.run("recover", sites, "tablet")
            #expect(recovered.status == 0, "\(recovered.errors)")

            // A token that one of them does not believe: it is named, and its chip is asked nothing.
            try Self.writeTokens(sites, to: "tokens", foreign: 1)
            let before = sites[1].commands
            let without = try await Self.run("recover", sites, "other")
            #expect(without.status == 0, "\(without.errors)")
            #expect(without.errors.contains("tls:localhost:\(sites[1].port) was of no use"), "\(without.errors)")
            #expect(sites[1].commands == before)

            // With tokens for one alone nothing is spent anywhere.
            desk.write("tls:localhost:\(sites[0].port) \(try sites[0].token())\n", to: "tokens")
            let alone = try await Self.run("recover", sites, "third")
            #expect(alone.status == 12 && alone.errors.hasSuffix("No guess was spent.\n"), "\(alone.errors)")
        }
    }

    private static func with(
        _ sites: [NetworkStage] = [], _ body: @escaping @Sendable ([NetworkStage]) async throws -> Void
    ) async throws {
        guard sites.count < 3 else { return try await body(sites) }
        try await NetworkStage.with(identity: .numbered(sites.count)) { try await with(sites + [$0], body) }
    }

    /// A line for each vault.
    private static func writeTokens(_ sites: [NetworkStage], to name: String, foreign: Int? = nil) throws {
        let lines = try sites.enumerated().map { number, site in
            let issuer = number == foreign ? sites[(number + 1) % sites.count] : site
            return "tls:localhost:\(site.port) \(try issuer.token())\n"
        }
        sites[0].stage.desk.write(lines.joined(), to: name)
    }

    private static func run(
        _ command: String, _ sites: [NetworkStage], _ device: String, _ more: [String] = []
    ) async throws -> Ended {
        let desk = sites[0].stage.desk
        desk.write("correct horse\n", to: "password")
        desk.write(try sites.map { try $0.site.pem }.joined(separator: "\n"), to: "sites.pem")
        desk.write(
            try sites.map { try String(contentsOfFile: $0.stage.trustRoot, encoding: .utf8) }.joined(), to: "roots.pem")
        return try await desk.run(
            .tenpin,
            [command] + sites.flatMap { ["--vault", "tls:localhost:\($0.port)"] }
                + ["--home", desk(device), "--account", "alice", "--trust-root", desk("roots.pem"), "--allow-emulated"]
                + ["--accept-new-vault", "--tls-ca", desk("sites.pem"), "--token-file", desk("tokens")]
                + ["--password-file", desk("password")] + more)
    }
}
