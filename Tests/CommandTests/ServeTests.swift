import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// The vault's program as its operator runs it.
@Suite(.timeLimit(.minutes(5))) struct ServeTests {
    @Test("with --group the socket is the group's too; a group that is not is said to be so")
    func group() async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            let group = try #require(getgrgid(getegid()))
            try await stage.serve("--group", String(cString: group.pointee.gr_name))
            #expect(try mode(stage.socket) == 0o660)
            try await stage.stop()
            let serve = ["serve", "--home", stage.home, "--socket", stage.socket]
            expectFailure(
                try await stage.desk.run(.vault, serve + ["--group", "no such group"]), 64, "no group named",
                of: .vault)
        }
    }

    @Test("SIGTERM lets the call under way end, and then the program ends with 0 and takes its socket away")
    func terminate() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", password: "pw")
            let peer = try Peer(stage.socket)
            _ = try await peer.describe()
            // A slow chip: it answers only after the vault was told to end.
            let chip = try #require(stage.chip.processIdentifier)
            kill(chip, SIGSTOP)
            defer { kill(chip, SIGCONT) }
            try await peer.send(#"{"method":"org.tenpin.Vault.LookUp","parameters":{"account":"alice"}}"#)
            try await Task.sleep(for: .milliseconds(300))
            async let stopped = stage.stop()
            try await eventually("no new connection is taken") { (try? Peer(stage.socket)) == nil }
            kill(chip, SIGCONT)
            let reply = try #require(try await peer.receive())
            let parameters = try #require(reply["parameters"] as? [String: Any])
            #expect(parameters["count"] as? Int == 1, "\(reply)")
            if let farewell = try await peer.receive() {
                #expect(farewell["error"] as? String == "org.tenpin.Transport.ShuttingDown")
                #expect(try await peer.receive() == nil)
            }
            let ended = try await stopped
            #expect(ended.status == 0)
            #expect(ended.lines == ["ready: serving on \(stage.socket)", "stopping: finishing what is under way"])
            #expect(stage.desk.names() == stage.desk.names().filter { !$0.hasPrefix("vault.sock") })
        }
    }

    @Test("told to end at any moment of its start, it ends")
    func terminateEarly() async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            for milliseconds in stride(from: 0, to: 200, by: 20) {
                let starting = try await stage.desk.start(
                    .vault, ["serve", "--home", stage.home, "--socket", stage.socket])
                try await Task.sleep(for: .milliseconds(milliseconds))
                starting.signal(SIGTERM)
                #expect([0, 128 + SIGTERM].contains(try await starting.ended(within: .seconds(20)).status))
                #expect(!FileManager.default.fileExists(atPath: stage.socket))
            }
        }
    }

    @Test("killed, it starts again on the same socket with the same counts")
    func killed() async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            let first = try await stage.serve()
            try await stage.enroll("phone", password: "pw")
            expectFailure(try await stage.at("new", "recover", password: "no"), 10, "9 guesses left")
            first.signal(SIGKILL)
            #expect(try await first.ended().status == 128 + SIGKILL)
            #expect(FileManager.default.fileExists(atPath: stage.socket))
            try await stage.serve()
            expectFailure(try await stage.at("new", "recover", password: "no"), 10, "8 guesses left")
            #expect(try await stage.at("new", "recover", password: "pw").status == 0)
        }
    }

    @Test("a second program on the same home is refused: 78; on another's socket: 1")
    func second() async throws {
        try await Stage.with { stage in
            let desk = stage.desk
            let again = ["serve", "--home", stage.home, "--socket", desk("other.sock")]
            expectFailure(try await desk.run(.vault, again), 78, "Another tenpin-vault works on", "stop it", of: .vault)
            let provision = ["provision", "--tcti", stage.chip.tcti, "--home", stage.home]
            expectFailure(try await desk.run(.vault, provision), 78, "Another tenpin-vault works on", of: .vault)
            try await Stage.bare { other in
                try await other.provision()
                let serve = ["serve", "--home", other.home, "--socket", stage.socket]
                expectFailure(try await desk.run(.vault, serve), 1, "Stop the server that already answers", of: .vault)
            }
            _ = try await Peer(stage.socket).describe()
        }
    }

    @Test("without a TPM every command says so: 69; without a vault: 78")
    func absent() async throws {
        try await Stage.bare { stage in
            let desk = stage.desk
            let none = ["--home", desk("nothing here")]
            for command in [["serve", "--socket", "s"], ["status"]] {
                expectFailure(
                    try await desk.run(.vault, command + none), 78, "There is no vault in", "tenpin-vault provision",
                    of: .vault)
            }
            try FileManager.default.createDirectory(atPath: desk("nothing here"), withIntermediateDirectories: false)
            expectFailure(
                try await desk.run(.vault, ["serve", "--socket", "s"] + none), 78, "There is no vault", of: .vault)
            #expect(desk.names(in: "nothing here") == [])

            try await stage.provision()
            stage.chip.stop()
            for command in [["provision", "--tcti", stage.chip.tcti], ["serve", "--socket", "s"], ["status"]] {
                let ended = try await desk.run(.vault, command + ["--home", stage.home])
                expectFailure(ended, 69, "The TPM does not answer", "check", of: .vault)
            }
            for tcti in ["device:/dev/no-such-tpm", "swtpm:port=1", "nonsense:"] {
                let ended = try await desk.run(.vault, ["provision", "--tcti", tcti, "--home", desk("new")])
                expectFailure(ended, 69, "The TPM does not answer", of: .vault)
            }
            #expect(!desk.names().contains("new"))
        }
    }

    @Test("a chip that was cleared, and another chip, are not this vault's: 78, and nothing is overwritten")
    func anotherChip() async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            let desk = stage.desk
            let before = desk.bytes("vault/vault.json")
            let says = "not the chip that was provisioned, or it was cleared"
            try await withSwtpm(.uncertified) { other in
                for command in [["serve", "--socket", "s"], ["provision"]] {
                    let ended = try await desk.run(.vault, command + ["--home", stage.home, "--tcti", other.tcti])
                    expectFailure(ended, 78, says, of: .vault)
                }
                let provision = ["provision", "--home", desk("new"), "--tcti", other.tcti]
                expectFailure(try await desk.run(.vault, provision), 1, "emulated", "--allow-emulated", of: .vault)
                let fresh = try await desk.run(.vault, provision + ["--allow-emulated"])
                #expect(fresh.status == 1)
                #expect(
                    fresh.errors.contains("tenpin-vault: This TPM holds no endorsement certificate"), "\(fresh.errors)")
            }
            try await stage.chip.tpm2("clear", "-c", "p")
            for command in [["serve", "--socket", "s"], ["status"], ["provision", "--tcti", stage.chip.tcti]] {
                expectFailure(
                    try await desk.run(.vault, command + ["--home", stage.home]), 78, says, "another folder", of: .vault
                )
            }
            #expect(desk.bytes("vault/vault.json") == before)
        }
    }

    @Test("a chip whose owner has an authorization wants it, and takes it from a file")
    func ownerAuthorization() async throws {
        try await Stage.bare { stage in
            try await stage.chip.tpm2("changeauth", "-c", "owner", "sesame")
            let desk = stage.desk
            let provision = [
                "provision", "--tcti", stage.chip.tcti, "--home", stage.home, "--skip-capacity", "--allow-emulated",
            ]
            let refused = try await desk.run(.vault, provision)
            #expect(refused.status == 69)
            #expect(
                refused.errors.contains("tenpin-vault: The TPM wants its owner's authorization"), "\(refused.errors)")
            desk.write("sesame\n", to: "owner")
            try await desk.done(.vault, provision + ["--owner-auth-file", "owner"])
            try await stage.serve("--owner-auth-file", desk("owner"))
            try await stage.enroll("phone", password: "pw")
        }
    }

    @Test("status shows identity and accounts; stopped, with the counts that tpm2-tools read from the chip")
    func status() async throws {
        try await Stage.with { stage in
            let desk = stage.desk
            let command = ["status", "--home", stage.home]
            #expect(try await desk.done(.vault, command).output.contains("Slots             0\n"))
            try await stage.enroll("phone", "alice", password: "pw", limit: 7)
            try await stage.enroll("phone", "bob", password: "pw")
            expectFailure(try await stage.at("new", "recover", "bob", password: "no"), 10)
            let serving = try json(try await desk.done(.vault, command + ["--json"]))
            let served = try #require(serving["accounts"] as? [[String: Any]])
            #expect(served.count == 2 && served.allSatisfy { $0["count"] == nil && $0["slot"] is String })
            #expect(try await desk.done(.vault, command).output.contains("being served"))

            try await stage.stop()
            let report = try json(try await desk.done(.vault, command + ["--json"]))
            let accounts = try #require(report["accounts"] as? [[String: Any]])
            var counts: [String: [Int]] = [:]
            for entry in accounts {
                let account = try #require(entry["account"] as? String)
                counts[account] = [try #require(entry["count"] as? Int), try #require(entry["ceiling"] as? Int)]
                #expect(entry["state"] as? String == "live" && entry["problem"] == nil)
                let slot = try #require(entry["slot"] as? String)
                let branches = try #require(entry["branches"] as? [String])
                #expect(branches.count == 3)
                #expect(try await read(slot, branches, stage) == counts[account])
            }
            #expect(counts == ["alice": [1, 8], "bob": [2, 11]])
            let text = try await desk.done(.vault, command).output
            #expect(text.contains("EMULATED") && text.contains("bob  count 2, ceiling 11"))
        }
    }

    /// A slot's count and ceiling through its uncounted branch, with tpm2-tools.
    private func read(_ slot: String, _ branches: [String], _ stage: Stage) async throws -> [Int] {
        let chip = stage.chip
        var files: [String] = []
        for (index, branch) in branches.enumerated() {
            try Data(hex(branch)).write(to: chip.folder.appending(path: "branch\(index)"))
            files.append("branch\(index)")
        }
        try await chip.tpm2("startauthsession", "--policy-session", "-S", "session")
        try await chip.tpm2("policycommandcode", "-S", "session", "TPM2_CC_NV_Read")
        try await chip.tpm2("policyor", "-S", "session", "sha256:\(files.joined(separator: ","))")
        try await chip.tpm2("nvread", slot, "-C", slot, "-P", "session:session", "-s", "8", "-o", "slot")
        try await chip.tpm2("flushcontext", "session")
        let bytes = Array(try Data(contentsOf: chip.folder.appending(path: "slot")))
        return [bytes[0..<4], bytes[4..<8]].map { $0.reduce(0) { $0 << 8 | Int($1) } }
    }
}
