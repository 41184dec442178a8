import Foundation
import Testing

@testable import Backup

@Suite struct FailureTests {
    let scratch = Scratch()

    func backUpTree(size: Int = 1_000_000) throws {
        mkdir(scratch("in"), 0o700)
        mkdir(scratch("in/sub"), 0o700)
        scratch.write(pattern(size), to: "in/sub/file")
        _ = try BackupFile.write(
            .tree(scratch("in")), to: .file(scratch("backup")), key: testKey(), generation: 1, stanzas: [])
    }

    @Test("a backup that is stopped leaves nothing, and the one before it as it was")
    func stoppedBackup() throws {
        try backUpTree()
        let before = scratch.bytes("backup")
        for place in ["backup", "new"] {
            #expect(throws: BackupError.interrupted) {
                try BackupFile.write(
                    .tree(scratch("in")), to: .file(scratch(place)), key: testKey(), generation: 1, stanzas: [],
                    observer: { (progress) throws(BackupError) in
                        if progress.bytesDone > 300_000 { throw .interrupted }
                    })
            }
            #expect(scratch.names == ["backup", "in"])
        }
        #expect(scratch.bytes("backup") == before)
    }

    @Test("a restore that is stopped leaves nothing, not even folders that deny reading")
    func stoppedRestore() throws {
        try backUpTree()
        chmod(scratch("in/sub"), 0o555)
        _ = try BackupFile.write(
            .tree(scratch("in")), to: .file(scratch("backup")), key: testKey(), generation: 1, stanzas: [])
        var restoredSoFar: [String] = []
        let observer: BackupProgress.Observer = { [scratch] (progress) throws(BackupError) in
            restoredSoFar = scratch.names
            if progress.bytesDone == progress.bytesTotal { throw .interrupted }
        }
        for target in [BackupFile.Target.folder(scratch("out")), .file(scratch("out"))] {
            #expect(throws: BackupError.interrupted) {
                try BackupFile(opening: .file(scratch("backup")))
                    .restore(with: testKey(), to: target, observer: observer)
            }
            #expect(restoredSoFar.count == 3, "the work was under way, beside the target")
            #expect(scratch.names == ["backup", "in"])
        }
    }

    @Test("a backup damaged at its very end leaves nothing of the tree")
    func damagedEnd() throws {
        try backUpTree()
        var backup = try #require(scratch.bytes("backup"))
        backup[backup.count - 1] ^= 1
        scratch.write(backup, to: "backup")
        #expect(throws: BackupError.damaged(.end)) {
            try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .folder(scratch("out")))
        }
        #expect(scratch.names == ["backup", "in"])
    }

    @Test("stopped, finished or refused, no thread is left")
    func threads() async {
        // In a process of its own: other tests have such threads too.
        await #expect(processExitsWith: .success) {
            let scratch = Scratch()
            let input = scratch.write(pattern(3_000_000), to: "in")
            scratch.write(try sealedStream(pattern(3_000_000)), to: "good")
            for limit in [UInt64(100_000), .max] {
                var seen: Set<Int> = []
                let observer: BackupProgress.Observer = { (progress) throws(BackupError) in
                    seen.insert(chunkThreads)
                    if progress.bytesDone > limit { throw .interrupted }
                }
                try expectInterrupted(limit < .max) {
                    _ = try BackupFile.write(
                        .tree(input), to: .file(scratch("new")), key: testKey(), generation: 1, stanzas: [],
                        observer: observer)
                }
                #expect(seen == [1] && chunkThreads == 0)
                try expectInterrupted(limit < .max) {
                    try BackupFile(opening: .file(scratch("good"))).verify(with: testKey(), observer: observer)
                }
                #expect(seen == [1] && chunkThreads == 0)
            }
            var damaged = try sealedStream(pattern(3_000_000))
            damaged[200_000] ^= 1
            #expect(throws: BackupError.damaged(.chunk(3))) { try opened(damaged) }
            #expect(chunkThreads == 0)
        }
    }

    @Test("a reader that takes nothing does not keep a backup or a restore from being stopped")
    func stuckReader() throws {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        defer { ends.forEach { close($0) } }
        let input = try Descriptor(opening: Array(scratch.write(pattern(1_000_000), to: "in").utf8), O_RDONLY)
        var calls = 0
        let observer: BackupProgress.Observer = { (progress) throws(BackupError) in
            calls += 1
            // Written as far as the pipe took it, and then asked again without progress.
            if calls > 20 { throw .interrupted }
        }
        #expect(throws: BackupError.interrupted) {
            try BackupFile.write(
                .stream(input.number), to: .descriptor(ends[1]), key: testKey(), generation: 1, stanzas: [],
                observer: observer)
        }
        calls = 0
        scratch.write(try sealedStream(pattern(1_000_000)), to: "backup")
        #expect(throws: BackupError.interrupted) {
            try BackupFile(opening: .file(scratch("backup")))
                .restore(with: testKey(), to: .descriptor(ends[1]), observer: observer)
        }
    }

    @Test("killed in the middle, nothing is under the final name")
    func killed() async throws {
        let name = "/tmp/tenpin-killed-\(getpid())"
        defer { Scratch.remove(name) }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let name = "/tmp/tenpin-killed-\(getppid())"
            mkdir(name, 0o700)
            mkdir(name + "/in", 0o700)
            _ = FileManager.default.createFile(atPath: name + "/in/file", contents: Data(pattern(1_000_000)))
            _ = try BackupFile.write(
                .tree(name + "/in"), to: .file(name + "/backup"), key: testKey(), generation: 1, stanzas: [])
            try BackupFile(opening: .file(name + "/backup"))
                .restore(with: testKey(), to: .folder(name + "/out")) { (progress) throws(BackupError) in
                    if progress.bytesDone > 500_000 { kill(getpid(), SIGKILL) }
                }
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: name)
        #expect(names.contains("backup"))
        #expect(!names.contains("out"))
    }

    @Test("a folder with something in it is not restored over; an empty one is")
    func occupied() throws {
        try backUpTree(size: 10)
        func restore() throws {
            try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .folder(scratch("out")))
        }
        mkdir(scratch("out"), 0o700)
        scratch.write([9], to: "out/mine")
        #expect(throws: BackupError.targetNotEmpty) { try restore() }
        #expect(scratch.bytes("out/mine") == [9])
        unlink(scratch("out/mine"))
        try restore()
        #expect(scratch.bytes("out/sub/file") == pattern(10))
        #expect(throws: BackupError.targetNotEmpty) { try restore() }

        Scratch.remove(scratch("out"))
        scratch.write([9], to: "out")
        #expect(throws: BackupError.targetNotEmpty) { try restore() }
        #expect(scratch.bytes("out") == [9])
        #expect(scratch.names == ["backup", "in", "out"])
    }

    @Test("a folder filled while the restore runs is left alone")
    func filledMeanwhile() throws {
        try backUpTree()
        #expect(throws: BackupError.targetNotEmpty) {
            try BackupFile(opening: .file(scratch("backup")))
                .restore(with: testKey(), to: .folder(scratch("out"))) { [scratch] (_) throws(BackupError) in
                    mkdir(scratch("out"), 0o700)
                    scratch.write([9], to: "out/mine")
                }
        }
        #expect(scratch.names == ["backup", "in", "out"])
        #expect(scratch.bytes("out/mine") == [9])
    }

    @Test("no device or pipe is replaced by a file, and a link keeps pointing")
    func special() throws {
        scratch.write(try sealedStream([1, 2, 3]), to: "backup")
        mkfifo(scratch("pipe"), 0o600)
        mkdir(scratch("folder"), 0o700)
        for name in ["pipe", "folder"] {
            #expect(throws: BackupError.targetNotAFile) {
                try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .file(scratch(name)))
            }
        }
        scratch.write([9], to: "folder/real")
        symlink("folder/real", scratch("link"))
        try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .file(scratch("link")))
        #expect(scratch.bytes("folder/real") == [1, 2, 3])
        var status = stat()
        lstat(scratch("link"), &status)
        #expect(status.isSymbolicLink)
        #expect(scratch.names == ["backup", "folder", "link", "pipe"])
    }

    @Test("what is written is for its owner's eyes only")
    func privacy() throws {
        try backUpTree(size: 10)
        var status = stat()
        stat(scratch("backup"), &status)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test("a full device is said to be full")
    func full() throws {
        let full = try Descriptor(opening: Array("/dev/full".utf8), O_WRONLY)
        let input = try Descriptor(opening: Array(scratch.write(pattern(100), to: "in").utf8), O_RDONLY)
        #expect(throws: BackupError.noSpace) {
            try BackupFile.write(
                .stream(input.number), to: .descriptor(full.number), key: testKey(), generation: 1, stanzas: [])
        }
        scratch.write(try sealedStream([1]), to: "backup")
        #expect(throws: BackupError.noSpace) {
            try BackupFile(opening: .file(scratch("backup")))
                .restore(with: testKey(), to: .descriptor(full.number))
        }
    }

    @Test("a disk that fills up keeps nothing of the attempt", .enabled(if: geteuid() == 0, "mounting needs root"))
    func fullDisk() throws {
        try backUpTree(size: 3_000_000)
        mkdir(scratch("small"), 0o700)
        guard mount("tmpfs", scratch("small"), "tmpfs", 0, "size=1m") == 0 else {
            return print("skipped: a full disk (no tmpfs may be mounted here)")
        }
        defer { umount2(scratch("small"), Int32(MNT_DETACH)) }
        #expect(throws: BackupError.noSpace) {
            try BackupFile.write(
                .tree(scratch("in")), to: .file(scratch("small/backup")), key: testKey(), generation: 1, stanzas: [])
        }
        for target in [BackupFile.Target.folder(scratch("small/out")), .file(scratch("small/out"))] {
            #expect(throws: BackupError.noSpace) {
                try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: target)
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch("small")).isEmpty)
        // The mounted folder itself cannot be replaced, and that is said before the work.
        let error = #expect(throws: BackupError.self) {
            try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .folder(scratch("small")))
        }
        guard case .io(EBUSY, _) = error else { return #expect(Bool(false), "\(String(describing: error))") }
    }

    @Test("a backup goes through pipes both ways")
    func pipes() async throws {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let (reading, writing) = (ends[0], ends[1])
        let input = scratch.write(pattern(1_000_000), to: "in")
        let done = Task.detached {
            defer { close(writing) }
            let source = try Descriptor(opening: Array(input.utf8), O_RDONLY)
            _ = try BackupFile.write(
                .stream(source.number), to: .descriptor(writing), key: testKey(), generation: 1, stanzas: [])
        }
        let backup = try BackupFile(opening: .descriptor(reading))
        #expect(backup.header.generation == 1)
        try backup.restore(with: testKey(), to: .file(scratch("out")))
        try await done.value
        close(reading)
        #expect(scratch.bytes("out") == pattern(1_000_000))
    }

    @Test("every error is one sentence or two that say what to do")
    func sentences() {
        let errors: [BackupError] = [
            .notABackup, .unsupportedVersion(2), .damaged(.header), .damaged(.chunk(3)), .damaged(.end),
            .damaged(.contents), .truncated, .trailingBytes, .wrongKey, .headerTooLarge, .noSpace, .targetNotEmpty,
            .targetNotAFile, .notATree, .unsafeEntry(name: "x"), .nestedTooDeep(name: "x"), .interrupted,
            .io(code: EACCES, doing: "Opening x"),
        ]
        #expect(Set(errors.map(\.description)).count == errors.count)
        for error in errors { #expect(error.description.hasSuffix(".") && error.description.contains(/[;,]/)) }
        #expect(
            errors.last?.description == "Opening x failed: Permission denied; put that right and try again.")
        #expect(BackupError.system("Writing", code: EDQUOT) == .noSpace)
    }
}

/// How many threads of this process seal or open chunks.
private var chunkThreads: Int {
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return threads.count { thread in
        (try? String(contentsOfFile: "/proc/self/task/\(thread)/comm", encoding: .utf8)) == ChunkRing.threadName + "\n"
    }
}

private func expectInterrupted(_ expected: Bool, _ body: () throws -> Void) throws {
    guard expected else { return try body() }
    #expect(throws: BackupError.interrupted, performing: body)
}
