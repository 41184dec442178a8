import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// Backups that are damaged, and work that cannot end well.
@Suite(.timeLimit(.minutes(5))) struct BackupCommandTests {
    /// A desk with a phone that has a key, and a backup of a file of 300 kB.
    private func withBackup(_ body: (Desk, [UInt8]) async throws -> Void) async throws {
        try await Desk.with { desk in
            try await desk.done(.tenpin, ["key", "new", "--home", "phone"], label: "key")
            desk.write((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }, to: "photo")
            try await desk.done(.tenpin, ["backup", "photo", "--output", "good", "--home", "phone"])
            try await body(desk, try #require(desk.bytes("good")))
        }
    }

    private func restore(_ desk: Desk, _ file: String, into target: String = "out") async throws -> Ended {
        try await desk.run(.tenpin, ["restore", file, "--into", target, "--home", "phone"])
    }

    /// Starts a command that has taken all of `input`, and waits for more until the pipe is closed.
    private func waiting(
        _ desk: Desk, _ command: [String], for input: [UInt8]
    ) async throws -> (program: Running, pipe: Int32) {
        mkfifo(desk("pipe"), 0o600)
        defer { unlink(desk("pipe")) }
        let pipe = open(desk("pipe"), O_RDWR | O_NONBLOCK | O_CLOEXEC)
        let working = try await desk.start(command + ["--home", "phone"], shell: "<pipe")
        var rest = input[...]
        try await eventually("\(command) takes its input: \(working.errors)") {
            try #require(!working.child.hasEnded, "\(working.errors)")
            let count = rest.withUnsafeBytes { write(pipe, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) }
            return rest.isEmpty
        }
        return (working, pipe)
    }

    @Test("a damaged backup is said to be damaged, and leaves nothing behind: 14")
    func damaged() async throws {
        try await withBackup { desk, good in
            func flipped(_ index: Int) -> [UInt8] {
                var bytes = good
                bytes[index] ^= 1
                return bytes
            }
            let before = desk.names() + ["bad"]
            for (bytes, says) in [
                (flipped(0), "not a Tenpin backup"), (flipped(40), "does not open this backup"),
                (flipped(150), "header was changed or damaged"), (flipped(good.count / 2), "damaged in chunk"),
                (flipped(good.count - 1), "end is cut short"), (Array(good.dropLast()), "end is cut short"),
                (Array(good.prefix(100)), "ends too early"), (Array(good.prefix(65_536)), "cut short"),
                (good + [0], "followed by other bytes"), ([], "not a Tenpin backup"),
                (Array("not a backup at all".utf8), "not a Tenpin backup"),
            ] {
                desk.write(bytes, to: "bad")
                expectFailure(try await restore(desk, "bad"), 14, says, "No guess was spent")
                #expect(desk.names() == before.sorted())
            }
            // A recovery that names a damaged backup ends before anything else.
            expectFailure(
                try await desk.run(.tenpin, ["recover", "--backup", "bad", "--account", "a", "--home", "phone"]), 14,
                "not a Tenpin backup")
        }
    }

    @Test("a backup that is not there, a folder in its place, and a target that is taken are said to be so")
    func places() async throws {
        try await withBackup { desk, good in
            expectFailure(try await restore(desk, "missing"), 1, "Opening missing failed: No such file")
            try FileManager.default.createDirectory(atPath: desk("folder"), withIntermediateDirectories: false)
            desk.write("mine", to: "folder/file")
            expectFailure(try await restore(desk, "folder"), 1, "Opening folder failed: Is a directory")
            expectFailure(try await restore(desk, "good", into: "folder"), 1, "exists already", "is empty")
            expectFailure(try await restore(desk, "good", into: "photo"), 1, "exists already")
            #expect(desk.text("folder/file") == "mine")
            let backup = ["backup", "missing\nfile", "--output", "new", "--home", "phone"]
            expectFailure(try await desk.run(.tenpin, backup), 1, "No such file")
            expectFailure(
                try await desk.run(.tenpin, ["backup", "photo", "--output", "no/where", "--home", "phone"]), 1,
                "No such")
            expectFailure(
                try await desk.run(.tenpin, ["backup", "photo", "--output", "new", "--home", "nobody"]), 1, "default",
                "tenpin key new")
            #expect(desk.names() == ["folder", "good", "nobody", "phone", "photo"])
        }
    }

    @Test("another key's backup is refused: 14")
    func wrongKey() async throws {
        try await withBackup { desk, _ in
            try await desk.done(.tenpin, ["key", "new", "--home", "other"], label: "key")
            let ended = try await desk.run(.tenpin, ["restore", "good", "--into", "out", "--home", "other"])
            expectFailure(ended, 14, "does not open this backup")
        }
    }

    @Test("a full disk keeps nothing of the attempt", .enabled(if: geteuid() == 0, "mounting needs root"))
    func fullDisk() async throws {
        try await withBackup { desk, _ in
            try FileManager.default.createDirectory(atPath: desk("small"), withIntermediateDirectories: false)
            guard mount("tmpfs", desk("small"), "tmpfs", 0, "size=128k") == 0 else {
                return print("skipped: a full disk (no tmpfs may be mounted here)")
            }
            defer { umount2(desk("small"), Int32(MNT_DETACH)) }
            expectFailure(try await restore(desk, "good", into: "small/out"), 1, "disk or your quota is full")
            let backup = ["backup", "photo", "--output", "small/backup", "--home", "phone"]
            expectFailure(try await desk.run(.tenpin, backup), 1, "disk or your quota is full")
            #expect(desk.names(in: "small") == [])
        }
    }

    @Test(
        "a backup and a restore that are interrupted leave nothing, also while their input is silent",
        arguments: [SIGINT, SIGTERM, SIGHUP])
    func interrupted(_ signal: Int32) async throws {
        try await withBackup { desk, good in
            for (arguments, input) in [
                (["backup", "-", "--output", "new"], Array(repeating: 1, count: 200_000)),
                (["restore", "-", "--into", "new"], Array(good.prefix(150_000))),
                (["restore", "-", "--output", "new"], Array(good.prefix(150_000))),
            ] {
                let before = desk.names()
                let (working, pipe) = try await waiting(desk, [try Program.tenpin.path] + arguments, for: input)
                defer { close(pipe) }
                try await eventually("\(arguments) has begun to write") { desk.names().count > before.count }
                working.signal(signal)
                expectFailure(try await working.ended(within: .seconds(10)), 1, "Stopped as you asked")
                #expect(desk.names() == before)
            }
        }
    }

    @Test("what came on standard output before work was stopped or failed is said to be incomplete")
    func incompleteOutput() async throws {
        try await withBackup { desk, good in
            func expectIncomplete(_ ended: Ended, _ code: Int32, _ says: String) {
                #expect(ended.status == code, "\(ended.errors)")
                #expect(ended.errors.hasPrefix("tenpin: \(says)"), "\(ended.errors)")
                #expect(ended.errors.contains("iscard what came on standard output"), "\(ended.errors)")
                #expect(!ended.errors.contains("nothing was kept"), "\(ended.errors)")
            }
            desk.write(good.dropLast(), to: "short")
            let restore = ["restore", "good", "--output", "-", "--home", "phone"]
            let backup = ["backup", "photo", "--output", "-", "--home", "phone"]
            for arguments in [restore, backup] {
                let ended = try await desk.run(.tenpin, arguments, shell: ">/dev/full")
                expectIncomplete(ended, 1, "The disk or your quota is full")
            }
            let short = try await desk.run(.tenpin, ["restore", "short", "--output", "-", "--home", "phone"])
            expectIncomplete(short, 14, "The backup's end is cut short")
            for (command, input) in [
                ("backup", Array(repeating: 1, count: 200_000)), ("restore", Array(good.prefix(150_000))),
            ] {
                let arguments = [try Program.tenpin.path, command, "-", "--output", "-"]
                let (working, pipe) = try await waiting(desk, arguments, for: input)
                defer { close(pipe) }
                working.signal(SIGINT)
                expectIncomplete(try await working.ended(within: .seconds(10)), 1, "Stopped as you asked")
            }
        }
    }

    @Test("a backup under nohup outlives its terminal")
    func nohup() async throws {
        try await withBackup { desk, _ in
            let backup = ["nohup", try Program.tenpin.path, "backup", "-", "--output", "new"]
            let (working, pipe) = try await waiting(desk, backup, for: Array(repeating: 1, count: 200_000))
            working.signal(SIGHUP)
            close(pipe)
            let ended = try await working.ended(within: .seconds(10))
            #expect(ended.status == 0, "\(ended.errors)")
            #expect(desk.names().contains("new"))
        }
    }

    @Test("a reader that goes away ends a restore cleanly")
    func brokenPipe() async throws {
        try await withBackup { desk, good in
            let script =
                "\"$0\" restore good --output - --home phone 2>errors | head -c 10 >/dev/null; echo ${PIPESTATUS[0]}"
            let ended = try await desk.run(["bash", "-c", script, try Program.tenpin.path])
            #expect(ended.output == "1\n")
            #expect(desk.text("errors").hasPrefix("tenpin: Writing failed: Broken pipe"), "\(desk.text("errors"))")
            #expect(desk.text("errors").split(separator: "\n").count == 1)
        }
    }

    @Test("a backup whose warning nobody can hear is made all the same", arguments: ["2>/dev/full", "2>&-"])
    func unheard(_ shell: String) async throws {
        try await withBackup { desk, _ in
            try FileManager.default.createDirectory(atPath: desk("folder"), withIntermediateDirectories: false)
            mkfifo(desk("folder/pipe"), 0o600)
            let before = desk.names() + ["new"]
            let backup = ["backup", "folder", "--output", "new", "--home", "phone"]
            #expect(try await desk.run(.tenpin, backup, shell: shell).status == 0)
            #expect(desk.names() == before.sorted())
        }
    }

    @Test("a backup goes from a pipe to a pipe and back")
    func pipes() async throws {
        try await withBackup { desk, _ in
            let script = """
                set -o pipefail
                cat photo | "$0" backup - --output - --home phone | "$0" restore - --output - --home phone | cmp - photo
                """
            let ended = try await desk.run(["bash", "-c", script, try Program.tenpin.path])
            #expect(ended.status == 0, "\(ended.output)\(ended.errors)")
            // A stream is no folder.
            try await desk.done(.tenpin, ["backup", "-", "--output", "stream", "--home", "phone"], shell: "<photo")
            expectFailure(try await restore(desk, "stream"), 1, "single stream", "name a file")
        }
    }
}
