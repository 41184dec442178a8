import Foundation
import ProgramTestSupport
import Testing

/// `tenpin tune`, and what enrollments make of it.
@Suite(.timeLimit(.minutes(5))) struct TuneTests {
    @Test("it suggests what fits into the time, within the bounds, and writes nothing unless it is told to")
    func suggests() async throws {
        try await Desk.with { desk in
            let report = try json(
                try await desk.done(.tenpin, ["tune", "--seconds", "0.1", "--json", "--home", "phone"]))
            #expect(try #require(report["memoryMiB"] as? Int) >= 64 && #require(report["passes"] as? Int) >= 3)
            #expect(report["saved"] as? Bool == false && report["targetSeconds"] as? Double == 0.1)
            let measured = try #require(report["measured"] as? [[String: Any]])
            #expect(measured.first?["memoryMiB"] as? Int == 64 && measured.first?["passes"] as? Int == 3)
            #expect(measured.contains { $0["seconds"] as? Double == report["seconds"] as? Double })
            #expect(desk.names() == [])

            let shown = try await desk.done(.tenpin, ["tune", "--seconds", "0.1", "--home", "phone"])
            #expect(shown.output.contains("takes") && shown.output.contains("tenpin enroll --memory"))
            #expect(shown.errors.isEmpty && desk.names() == [])
            for seconds in ["0", "61", "nan", "soon"] {
                expectMisuse(try await desk.run(.tenpin, ["tune", "--seconds", seconds]), "--seconds")
            }
        }
    }

    @Test("an enrollment asks for what was saved, and a terminal shows that Argon2id works, and for how long")
    func saved() async throws {
        try await Stage.with { stage in
            let desk = stage.desk
            let saved = try await desk.done(.tenpin, ["tune", "--seconds", "0.1", "--save", "--home", "phone"])
            #expect(saved.output.contains("New enrollments on this device ask for it."))
            #expect(try mode(desk("phone/argon2id")) == 0o600)
            // The least there is, whatever this machine can do.
            desk.write("memory-KiB 65536\npasses 4\n", to: "phone/argon2id")
            desk.write("swordfish\n", to: "pw")
            for (command, password) in [("enroll", "--password-file"), ("change-password", "--new-password-file")] {
                let terminal = try Terminal()
                let working = try await terminal.start(
                    desk, [command] + stage.way("phone", "alice") + [password, "pw"])
                #expect(try await working.ended().status == 0, "\(terminal.screen)")
                let notice = "Working on the password (Argon2id, 64 MiB) "
                #expect(terminal.screen.contains(notice) && terminal.screen.contains("0.0 s"), "\(terminal.screen)")
                let last = try #require(terminal.screen.components(separatedBy: notice).last)
                #expect(last.contains("\r\u{1B}[K"), "the line is gone at the end")
            }
        }
    }

    @Test("a setting that cannot be understood is an error, and no reason to ask for less")
    func damaged() async throws {
        try await Desk.with { desk in
            try await desk.done(.tenpin, ["tune", "--seconds", "0.1", "--save", "--home", "phone"])
            desk.write("memory-KiB 1024\npasses 1\n", to: "phone/argon2id")
            for command in ["enroll", "change-password"] {
                expectFailure(
                    try await desk.run(.tenpin, [command, "--home", "phone", "--account", "alice"]), 1,
                    "argon2id is not what `tenpin tune --save` writes")
            }
            // Given both, the setting is not asked.
            expectFailure(
                try await desk.run(
                    .tenpin,
                    [
                        "enroll", "--home", "phone", "--account", "alice", "--memory", "64", "--passes", "3", "--vault",
                        "unix:/no",
                    ]),
                12, "unix:/no")
        }
    }
}
