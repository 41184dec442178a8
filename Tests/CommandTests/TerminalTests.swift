import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// The programs before a person, and in a pipe.
@Suite(.timeLimit(.minutes(5))) struct TerminalTests {
    @Test("a new password is asked for twice and an old one once, without echo, and the vault is confirmed by `yes`")
    func prompts() async throws {
        try await Stage.with { stage in
            let way = Array(stage.way("phone", "alice").dropLast())  // no --accept-new-vault
            let terminal = try Terminal()
            let enrolling = try await terminal.start(
                stage.desk, ["enroll"] + way + ["--memory", "64", "--passes", "3"])
            try await eventually("the question: \(terminal.screen)") { terminal.screen.hasSuffix("[yes/no] ") }
            #expect(terminal.screen.contains("EMULATED"))
            #expect(terminal.echoes)
            terminal.type("yes\n")
            try await terminal.answer("New password: ", "swordfish\r")
            try await terminal.answer("New password again: ", "swordfjsh\u{7F}\u{7F}\u{7F}ish\r")
            let enrolled = try await enrolling.ended()
            #expect(enrolled.status == 0, "\(terminal.screen)")
            #expect(terminal.screen.contains("Enrolled alice"))
            #expect(!terminal.screen.contains("swordf") && terminal.echoes)

            let again = try Terminal()
            let recovering = try await again.start(stage.desk, ["recover"] + way)
            try await again.answer("Password: ", "wrong\u{15}swordfish\n")
            #expect(try await recovering.ended().status == 0, "\(again.screen)")
            #expect(again.screen.contains("Recovered backup key 1 of alice"))
        }
    }

    @Test("two passwords that differ are refused, and nothing is enrolled")
    func mismatch() async throws {
        try await Stage.with { stage in
            let terminal = try Terminal()
            let enrolling = try await terminal.start(stage.desk, ["enroll"] + stage.way("phone", "alice"))
            try await terminal.answer("New password: ", "one\n")
            try await terminal.answer("New password again: ", "two\n")
            #expect(try await enrolling.ended().status == 64)
            #expect(terminal.screen.contains("tenpin: The two passwords differ; try again."))
            expectFailure(try await stage.at("phone", "recover", password: "one"), 15)
        }
    }

    @Test("Ctrl-C, Ctrl-D and SIGTERM at a prompt cancel, and the echo is back", arguments: ["\u{3}", "\u{4}", ""])
    func cancel(_ key: String) async throws {
        try await Desk.with { desk in
            let terminal = try Terminal()
            let importing = try await terminal.start(desk, ["key", "import", "--home", "phone"])
            try await terminal.answer("The 64 digits: ", key)
            if key.isEmpty { importing.signal(SIGTERM) }
            #expect(try await importing.ended(within: .seconds(10)).status == 1)
            #expect(terminal.echoes)
            #expect(terminal.screen.contains("tenpin: Cancelled."))
        }
    }

    @Test("a new vault is confirmed at the terminal, and not by the password that waits in standard input")
    func confirmation() async throws {
        try await Stage.with { stage in
            stage.desk.write("yes\n", to: "pw")
            for (answer, code) in [("no\n", Int32(13)), ("\n", 13), ("yes\n", 0)] {
                let terminal = try Terminal()
                let enrolling = try await terminal.start(
                    stage.desk,
                    ["enroll"] + stage.way("phone", "alice").dropLast() + ["--password-fd", "0", "--memory", "64"],
                    shell: "<pw")
                try await eventually("the question: \(terminal.screen)") { terminal.screen.hasSuffix("[yes/no] ") }
                terminal.type(answer)
                #expect(try await enrolling.ended().status == code, "\(terminal.screen)")
                #expect(code == 0 || terminal.screen.contains("not pinned on this device"))
            }
            let recovered = try await stage.at("phone", "recover", password: "yes")
            #expect(recovered.status == 0, "\(recovered.errors)")
        }
    }

    @Test("passwords come from a file or a descriptor, with or without a newline at the end, and are the same")
    func passwordSources() async throws {
        try await Stage.with { stage in
            let desk = stage.desk
            try await stage.enroll("phone", password: "swordfish")
            desk.write("swordfish", to: "bare")
            desk.write("swordfish\n", to: "line")
            for (arguments, shell) in [
                (["--password-file", "bare"], ""), (["--password-file", "line"], ""),
                (["--password-fd", "0"], "<line"), (["--password-fd", "7"], "7<bare"),
            ] {
                try await desk.done(.tenpin, ["recover"] + stage.way("new", "alice") + arguments, shell: shell)
            }
            desk.write("swordfish\n\n", to: "two lines")
            expectFailure(
                try await desk.run(
                    .tenpin, ["recover"] + stage.way("new", "alice") + ["--password-file", "two lines"]), 64,
                "control character")
        }
    }

    @Test("a backup and a restore show a bar on a terminal, which is gone at the end, and nothing in a pipe")
    func bar() async throws {
        try await Desk.with { desk in
            try await desk.done(.tenpin, ["key", "new", "--home", "phone"], label: "key")
            desk.write(Array(repeating: 7, count: 3_000_000), to: "photo")
            for (arguments, verb) in [
                (["backup", "photo", "--output", "photo.tenpin"], "Backing up "),
                (["restore", "photo.tenpin", "--into", "restored"], "Restoring "),
            ] {
                let terminal = try Terminal()
                let working = try await terminal.start(desk, arguments + ["--home", "phone"])
                #expect(try await working.ended().status == 0, "\(terminal.screen)")
                #expect(terminal.screen.contains(verb) && terminal.screen.contains("iB/s"), "\(terminal.screen)")
                #expect(terminal.screen.hasSuffix("\r\u{1B}[K"))
            }
            let quiet = try await desk.done(
                .tenpin, ["backup", "photo", "--output", "photo.tenpin", "--home", "phone"])
            #expect(quiet.errors.isEmpty && quiet.bytes.isEmpty)
            // The known size gives a share and the time left.
            let terminal = try Terminal()
            let working = try await terminal.start(
                desk, ["restore", "photo.tenpin", "--output", "photo", "--home", "phone"])
            #expect(try await working.ended().status == 0)
            #expect(terminal.screen.contains(" of 2.9 MiB") && terminal.screen.contains("["), "\(terminal.screen)")
        }
    }
}
