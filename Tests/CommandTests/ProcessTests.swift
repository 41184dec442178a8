import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// What the programs are made of, and what the system lets others see of them.
@Suite(.timeLimit(.minutes(5))) struct ProcessTests {
    @Test("the device's program does not load tpm2-tss, the vault's not libarchive, and the vault's knows no password")
    func libraries() async throws {
        try await Desk.with { desk in
            let device = try await desk.run(["ldd", try Program.tenpin.path]).output
            #expect(device.contains("libarchive") && device.contains("libsodium") && !device.contains("libtss2"))
            let vault = try await desk.run(["ldd", try Program.vault.path]).output
            #expect(vault.contains("libtss2") && !vault.contains("libarchive"))
            // Mangled, a symbol of the module Passwords has its name with its length.
            func symbols(_ program: Program) async throws -> Int {
                let count = try await desk.run(["bash", "-c", "nm \"$0\" | grep -c 9Passwords", try program.path])
                return try #require(Int(count.output.trimmingCharacters(in: .newlines)))
            }
            #expect(try await symbols(.tenpin) > 0)
            #expect(try await symbols(.vault) == 0)
        }
    }

    @Test(
        "neither program leaves a core, or lets its user look into its memory",
        arguments: [
            (Program.tenpin, ["key", "import", "--home", "home", "--digits-file", "pipe"]),
            (.vault, ["provision", "--home", "home", "--owner-auth-file", "pipe"]),
        ])
    func cores(_ program: Program, _ arguments: [String]) async throws {
        try await Desk.with { desk in
            var command = [try program.path] + arguments
            mkfifo(desk("pipe"), 0o644)
            try FileManager.default.createDirectory(atPath: desk("home"), withIntermediateDirectories: false)
            if geteuid() == 0 {
                // As somebody else than root, to whom everything belongs anyway.
                let nobody: uid_t = 65534
                chown(desk("home"), nobody, nobody)
                chown(desk("pipe"), nobody, nobody)
                chmod(desk.folder.path(), 0o711)
                try FileManager.default.copyItem(atPath: command[0], toPath: desk("program"))
                chmod(desk("program"), 0o755)
                command =
                    ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", desk("program")]
                    + arguments
            }
            let waiting = try await desk.start(command)
            var pipe: Int32 = -1
            try await eventually("it reads the pipe: \(waiting.errors)") {
                try #require(!waiting.child.hasEnded, "\(waiting.errors)")
                pipe = open(desk("pipe"), O_WRONLY | O_NONBLOCK | O_CLOEXEC)
                return pipe >= 0
            }
            defer { close(pipe) }
            let limits = try String(contentsOfFile: "/proc/\(waiting.identifier)/limits", encoding: .utf8)
            #expect(limits.contains(#/Max core file size +0 +0 /#), "\(limits)")
            // The kernel gives what cannot be dumped to root (proc(5)).
            var status = stat()
            try #require(stat("/proc/\(waiting.identifier)/mem", &status) == 0)
            #expect(status.st_uid == 0)
            waiting.signal(SIGKILL)
            _ = try await waiting.ended()
        }
    }
}
