import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// What goes wrong, each with its code and its sentence.
@Suite(.timeLimit(.minutes(5))) struct FailureTests {
    @Test("a vault that does not answer is unreachable: 12")
    func unreachable() async throws {
        try await Stage.bare { stage in
            for command in ["enroll", "recover"] {
                let ended = try await stage.at("phone", command, password: "pw")
                expectFailure(ended, 12, "Nobody answers at unix:", "check that the vault runs", "No guess was spent")
            }
            // A socket that nobody listens on, and something that is no vault.
            try await stage.provision()
            let serving = try await stage.serve()
            serving.signal(SIGKILL)
            _ = try await serving.ended()
            expectFailure(try await stage.at("phone", "status"), 12, "Nobody answers")
            let ended = try await stage.desk.run(
                .tenpin,
                [
                    "status", "--vault", "unix:\(stage.chip.socketPath)", "--account", "alice", "--home", "phone",
                    "--trust-root", stage.trustRoot,
                ])
            #expect([12, 13].contains(ended.status), "\(ended.errors)")
            expectFailure(ended, ended.status)
        }
    }

    @Test("a vault that is not to be trusted is refused for each of its reasons: 13")
    func notTrusted() async throws {
        try await Stage.with { stage in
            let desk = stage.desk
            desk.write("pw", to: "pw")
            let rest = ["--password-file", "pw", "--account", "alice"]
            func enroll(_ home: String, _ more: String..., address: String? = nil) async throws -> Ended {
                try await desk.run(
                    .tenpin, ["enroll", "--vault", address ?? stage.address, "--home", home] + rest + more)
            }
            expectFailure(
                try await enroll("a", "--accept-new-vault", "--allow-emulated"), 13, "--trust-root", "TENPIN_TRUST_ROOT"
            )
            let root = ["--trust-root", stage.trustRoot]
            desk.write(#"{"onyl": ["IFX"]}"#, to: "roots.json")
            expectFailure(
                try await enroll("a", root[0], root[1], "--roots", "roots.json"), 64, "roots.json", "onyl")
            expectFailure(
                try await enroll("a", root[0], root[1], "--accept-new-vault"), 13, "emulated", "--allow-emulated")
            expectFailure(
                try await enroll("a", root[0], root[1], "--allow-emulated"), 13, "not pinned on this device",
                "tenpin trust")
            // Another authority's certificate.
            let made = try await desk.run([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                "other.key", "-out", "other.pem", "-subj", "/CN=Somebody",
            ])
            try #require(made.status == 0)
            expectFailure(
                try await enroll("a", "--trust-root", "other.pem", "--allow-emulated", "--accept-new-vault"), 13,
                "leads to no root you trust", "No guess was spent")
            // Another vault pinned at this address, and another one named beforehand.
            let other = "000b" + String(repeating: "ab", count: 32)
            try await desk.done(.tenpin, ["trust", "add", other, "--vault", stage.address, "--home", "a"])
            expectFailure(
                try await enroll("a", root[0], root[1], "--allow-emulated", "--accept-new-vault"), 13,
                "ANOTHER VAULT ANSWERS", "000babab abababab", "ask the operator")
            expectFailure(
                try await enroll("b", root[0], root[1], "--allow-emulated", "--endorsement-name", other), 13,
                "you named 000babab")
            #expect(desk.names(in: "b") == ["accounts"])
            // Nothing of all this left anything at the vault.
            try await stage.stop()
            let status = try json(try await desk.done(.vault, ["status", "--home", stage.home, "--json"]))
            #expect((status["accounts"] as? [Any])?.isEmpty == true)
        }
    }

    @Test("what the vault refuses is said with what to do: 15")
    func refused() async throws {
        try await Stage.with { stage in
            expectFailure(try await stage.at("phone", "recover", password: "pw"), 15, "check the account's name")
            expectFailure(try await stage.at("phone", "status"), 15, "keeps nothing for this account")
            try await stage.enroll("phone", password: "pw")
            expectFailure(
                try await stage.at("other", "enroll", password: "pw", "--memory", "64"), 15, "enrolled already",
                "--replace")
            expectFailure(try await stage.at("other", "change-password", password: "pw"), 1, "recover it first")
            expectFailure(
                try await stage.at("other", "enroll", password: "new", "--memory", "64", "--replace"), 64, "--yes")
            let replaced = try await stage.at(
                "other", "enroll", password: "new", "--memory", "64", "--replace", "--yes")
            #expect(replaced.status == 0, "\(replaced.errors)")
        }
    }

    @Test(
        "what the parser refuses is a misuse with its usage: 64",
        arguments: [
            (["enroll", "--limit", "0"], "--limit is between 1 and 1000"),
            (["enroll", "--limit", "1001"], "--limit is between 1 and 1000"),
            (["enroll", "--limit", "many"], "The value 'many' is invalid"),
            (["enroll", "--memory", "63"], "--memory is between 64 and 1024 MiB"),
            (["enroll", "--passes", "2"], "--passes between 3 and 10"),
            (["change-password", "--memory", "2048"], "--memory is between"),
            (["grant", "--guesses", "0"], "--guesses is between 1 and 1000"),
            (["grant"], "Missing expected argument '--guesses"),
            (["restore", "x"], "Give either --into or --output"),
            (["restore", "x", "--into", "a", "--output", "b"], "Give either --into or --output"),
            (["backup", "x"], "Missing expected argument '--output"),
            (["enroll", "--password", "secret"], "Unknown option '--password'"),
            (["recover", "hunter2"], "Unexpected argument"),
            (["nonsense"], "Unexpected argument 'nonsense'"),
        ])
    func misuse(_ arguments: [String], _ says: String) async throws {
        try await Desk.with { desk in
            expectMisuse(try await desk.run(.tenpin, arguments), says)
            #expect(desk.names() == [])
        }
    }

    @Test("what a command finds wrong in its arguments is one line: 64")
    func misuseInOneLine() async throws {
        try await Desk.with { desk in
            desk.write("short", to: "root.pem")
            let home = ["--home", "h"]
            func run(_ arguments: String..., shell: String = "") async throws -> Ended {
                try await desk.run(.tenpin, arguments + home, shell: shell)
            }
            expectFailure(try await run("enroll"), 64, "--account or TENPIN_ACCOUNT")
            expectFailure(try await run("recover", "--account", ""), 64, "name is empty")
            expectFailure(
                try await run("status", "--account", String(repeating: "a", count: 129)), 64, "at most 128")
            expectFailure(try await run("status", "--account", "a\u{7}b"), 64, "control character")
            expectFailure(
                try await run("status", "--account", "a", "--vault", "tcp:1.2.3.4", "--trust-root", "none"), 64,
                "unix:/")
            expectFailure(try await run("status", "--account", "a", "--trust-root", "none"), 64, "cannot be read")
            expectFailure(
                try await run("status", "--account", "a", "--trust-root", "root.pem"), 64, "no list of certificates")
            expectFailure(
                try await run("status", "--account", "a", "--endorsement-name", "xyz", "--trust-root", "root.pem"), 64)
            expectFailure(
                try await run("trust", "add", "000b", "--vault", "unix:/x"), 64, "`tenpin-vault status` shows")
            expectFailure(
                try await run("trust", "remove", "000b" + String(repeating: "ab", count: 32)), 64, "No such vault")
            expectFailure(try await run("key", "show"), 64, "tenpin key new")
        }
    }

    @Test("a password file that is missing, empty, too long, not UTF-8 or given twice: 64, before anything is sent")
    func passwords() async throws {
        try await Stage.with { stage in
            let desk = stage.desk
            desk.write("", to: "empty")
            desk.write("\n", to: "newline")
            desk.write(Array(repeating: UInt8(ascii: "a"), count: 5000), to: "long")
            desk.write([0xFF, 0xFE], to: "binary")
            func enroll(_ more: String..., shell: String = "</dev/null") async throws -> Ended {
                try await desk.run(.tenpin, ["enroll"] + stage.way("phone", "alice") + more, shell: shell)
            }
            expectFailure(try await enroll("--password-file", "missing"), 64, "cannot be read from missing")
            expectFailure(try await enroll("--password-file", "empty"), 64, "empty")
            expectFailure(try await enroll("--password-file", "newline"), 64, "empty")
            expectFailure(try await enroll("--password-file", "long"), 64, "4096 bytes")
            expectFailure(try await enroll("--password-file", "binary"), 64, "UTF-8")
            expectFailure(try await enroll("--password-file", "long", "--password-fd", "0"), 64, "not by both")
            expectFailure(try await enroll("--password-fd", "77"), 64, "descriptor 77")
            // No file, and nobody to ask.
            let command = [try Program.tenpin.path, "enroll"] + stage.way("phone", "alice")
            expectFailure(try await desk.run(["setsid", "--wait"] + command), 64, "no terminal", "--password-file")
        }
    }
}
