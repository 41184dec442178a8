import Foundation
import ProgramTestSupport
import Testing

/// What the device keeps, and where.
@Suite(.timeLimit(.minutes(5))) struct HomeTests {
    @Test(
        "an account may be named anything, and is never a file's name",
        arguments: [
            "../../x", "/etc/passwd", "a b  c", "Jürgen 🎳", ".", "-", "--help me", String(repeating: "ä", count: 64),
        ])
    func oddAccounts(_ account: String) async throws {
        try await Desk.with { desk in
            try await desk.done(.tenpin, ["key", "new", "--home", "phone", "--account=\(account)"], label: "key")
            desk.write("diary", to: "diary")
            let rest = ["--home", "phone", "--account=\(account)"]
            try await desk.done(.tenpin, ["backup", "diary", "--output", "b"] + rest)
            try await desk.done(.tenpin, ["restore", "b", "--into", "out"] + rest)
            #expect(desk.names() == ["b", "diary", "out", "phone"])
            let folder = try #require(desk.names(in: "phone/accounts").first)
            #expect(desk.names(in: "phone/accounts").count == 1)
            #expect(folder.wholeMatch(of: /[0-9a-f]{64}/) != nil)
            #expect(desk.names(in: "phone/accounts/\(folder)") == ["lock", "state"])
        }
    }

    @Test("at the vault too an account may be named anything")
    func oddAccountsAtTheVault() async throws {
        try await Stage.with { stage in
            let before = stage.desk.tree("vault")
            for account in ["../../x", "a 'b' \"c\"; drop table", String(repeating: "ä", count: 64)] {
                try await stage.enroll("phone", account, password: "pw")
                let recovered = try await stage.at("new", "recover", account, password: "pw")
                #expect(recovered.status == 0 && recovered.output.contains(account), "\(recovered.errors)")
            }
            #expect(stage.desk.tree("vault") == before)
        }
    }

    @Test("the home is where --home, TENPIN_HOME or HOME says, and a relative one is meant from here")
    func whereHomeIs() async throws {
        try await Desk.with { desk in
            try FileManager.default.createDirectory(atPath: desk("person"), withIntermediateDirectories: false)
            try await desk.done(.tenpin, ["key", "new"], label: "key")
            try await desk.done(.tenpin, ["key", "new"], environment: ["TENPIN_HOME": "deep/er"], label: "key")
            try await desk.done(
                .tenpin, ["key", "new", "--home", "./given/"], environment: ["TENPIN_HOME": "deep/er"], label: "key")
            for home in ["person/.tenpin", "deep/er", "given"] {
                #expect(desk.names(in: home) == ["accounts"], "\(home)")
                #expect(try mode(desk(home)) == 0o700)
            }
        }
    }

    @Test("vaults are shown, pinned, listed and removed, with and without --home")
    func trust() async throws {
        try await Stage.with { stage in
            let desk = stage.desk
            let environment = ["TENPIN_HOME": desk("phone"), "TENPIN_VAULT": "unix:vault.sock"]
            func run(_ arguments: String...) async throws -> Ended {
                try await desk.done(.tenpin, ["trust"] + arguments, environment: environment)
            }
            #expect(try await run("list").output == "No vault is pinned on this device.\n")
            #expect(try await run("list", "--json").output == "[\n\n]\n")
            let shown = try await run("show", "--trust-root", stage.trustRoot)
            #expect(shown.output.contains("EMULATED") && shown.output.contains("not pinned on this device"))
            let name = try #require(shown.output.firstMatch(of: /Name  ([0-9a-f ]+)\n/)?.output.1)
            let report = try json(try await desk.done(.vault, ["status", "--home", stage.home, "--json"]))
            #expect(report["endorsementName"] as? String == name.filter { $0 != " " })
            #expect(!FileManager.default.fileExists(atPath: desk("phone")))

            #expect(try await run("add", String(name)).output == "Pinned \(name) at \(stage.address).\n")
            #expect(try await run("show", "--trust-root", stage.trustRoot).output.contains("is pinned on this device"))
            let listed = try JSONSerialization.jsonObject(with: Data(try await run("list", "--json").bytes))
            let entry = try #require((listed as? [[String: String]])?.first)
            #expect(entry["address"] == stage.address && entry["name"] == name.filter { $0 != " " })
            #expect(entry["date"]?.wholeMatch(of: /\d{4}-\d\d-\d\d/) != nil)
            #expect(try mode(desk("phone/known-vaults")) == 0o600)
            // Pinned under the whole path, it is known whichever way the socket is written.
            desk.write("pw", to: "pw")
            for address in ["vault.sock", "unix:./vault.sock", stage.address] {
                let ended = try await desk.run(
                    .tenpin,
                    [
                        "recover", "--vault", address, "--account", "a", "--trust-root", stage.trustRoot,
                        "--allow-emulated", "--password-file", "pw",
                    ], environment: environment)
                expectFailure(ended, 15, "keeps nothing")
            }
            #expect(try await run("remove", String(name)).output == "Removed \(name).\n")
            #expect(try await run("list").output == "No vault is pinned on this device.\n")
        }
    }

    @Test("files that are damaged, or readable by others, are left as they are")
    func damagedState() async throws {
        try await Desk.with { desk in
            try await desk.done(.tenpin, ["key", "new", "--home", "phone"], label: "key")
            let state = try #require(desk.tree("phone").first { $0.hasSuffix("/state") })
            let path = "phone/\(state)"
            let good = try #require(desk.bytes(path))
            let show = ["key", "show", "--home", "phone"]
            chmod(desk(path), 0o644)
            expectFailure(try await desk.run(.tenpin, show), 1, "can be read by others", "chmod 600")
            var bad = good
            bad[bad.count / 2] ^= 1
            desk.write(bad, to: path)
            expectFailure(try await desk.run(.tenpin, show), 1, "is damaged and was left as it is")
            #expect(desk.bytes(path) == bad)
            desk.write(good, to: path)
            try await desk.done(.tenpin, show, label: "key")

            desk.write("nonsense\n", to: "phone/known-vaults")
            expectFailure(
                try await desk.run(.tenpin, ["trust", "list", "--home", "phone"]), 1, "Line 1 of", "correct or remove")
        }
    }
}
