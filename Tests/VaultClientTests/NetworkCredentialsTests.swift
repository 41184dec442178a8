import Foundation
import TestSupport
import Testing

@testable import VaultClient

/// Which of a file's tokens a vault is shown.
@Suite struct NetworkCredentialsTests {
    private func file(_ lines: String...) throws -> String {
        let path = try temporaryFolder().appending(path: "token").path
        _ = FileManager.default.createFile(
            atPath: path, contents: Data((lines.joined(separator: "\n") + "\n").utf8),
            attributes: [.posixPermissions: 0o600])
        return path
    }

    private func token(_ address: String, _ path: String, isForOneVault: Bool = true) throws(VaultClientError)
        -> String?
    {
        guard let credentials = try? NetworkCredentials(tokenFile: path, isForOneVault: isForOneVault) else {
            return nil
        }
        return try credentials.token(for: address)
    }

    @Test("the line with the vault's address goes before one that names none")
    func own() throws {
        let path = try file("# mine", "anybody", "tls:a.example:1 of-a", "tls:b.example:1 of-b")
        #expect(try token("tls:b.example:1", path) == "of-b")
        #expect(try token("tls:c.example:1", path) == "anybody")
    }

    /// The attack: a vault is shown the token of another one, and spends guesses there.
    @Test("of several vaults none is shown a token that names no address")
    func several() throws {
        let path = try file("anybody", "tls:a.example:1 of-a")
        #expect(try token("tls:a.example:1", path, isForOneVault: false) == "of-a")
        #expect(throws: VaultClientError(.access(.tokenMissing))) {
            try token("tls:b.example:1", path, isForOneVault: false)
        }
    }
}
