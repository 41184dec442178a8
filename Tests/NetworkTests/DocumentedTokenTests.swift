import Foundation
import ProgramTestSupport
import Testing
import Tokens
import VaultAPI

/// The account service of the documentation.
@Suite struct DocumentedTokenTests {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/issue-token.bash").standardizedFileURL.path()

    @Test("a token made with openssl, as the documentation shows it, speaks for its account")
    func openssl() async throws {
        try await Desk.with { desk in
            for command in [
                "openssl genpkey -algorithm ed25519 -out account.key",
                "openssl pkey -in account.key -pubout -out account.pub",
            ] {
                let ended = try await desk.run(command.split(separator: " ").map { String($0) })
                try #require(ended.status == 0, "\(ended.errors)")
            }
            let issued = try await desk.run(["bash", Self.script, "account.key", "alice", "vault-1.example", "600"])
            try #require(issued.status == 0, "\(issued.errors)")
            let keys = try await TokenKeys(Data(desk.bytes("account.pub") ?? []))
            let verifier = TokenVerifier(keys: keys, audiences: ["vault-1.example"])
            let token = issued.output.trimmingCharacters(in: .newlines)
            let now = Date().timeIntervalSince1970
            let voucher = try await verifier.verify(token, at: now)
            #expect(voucher.account.id == "alice")
            #expect((600...660).contains(voucher.ends - now))
        }
    }
}
