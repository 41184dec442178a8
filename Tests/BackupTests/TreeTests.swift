import Foundation
import TestSupport
import Testing

@testable import Backup

@Suite struct TreeTests {
    let scratch = Scratch()

    @discardableResult
    func backUp(_ name: String) throws -> [BackupWarning] {
        try BackupFile.write(
            .tree(scratch(name)), to: .file(scratch("backup")), key: testKey(), generation: 1, stanzas: [])
    }

    func restore(to name: String = "restored") throws {
        try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .folder(scratch(name)))
    }

    func makeFolder(_ name: String) { mkdir(scratch(name), 0o755) }

    func setTime(_ name: String, _ seconds: Int, _ nanoseconds: Int) {
        let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
        utimensat(AT_FDCWD, scratch(name), [time, time], AT_SYMLINK_NOFOLLOW)
    }

    @Test("a tree comes back as it was: contents, permissions, times, links, empty folders")
    func roundTrip() throws {
        makeFolder("in")
        makeFolder("in/a")
        makeFolder("in/a/b")
        makeFolder("in/empty")
        makeFolder("in/closed")
        scratch.write([], to: "in/nothing")
        scratch.write([1], to: "in/one byte")
        scratch.write(pattern(3_000_001), to: "in/a/large")
        scratch.write(pattern(65_536), to: "in/a/b/one chunk")
        scratch.write(Array("x".utf8), to: "in/closed/x")
        symlink("a/large", scratch("in/link"))
        symlink("/nowhere/at/all", scratch("in/dangling"))
        symlink("..", scratch("in/a/up"))
        for (name, mode) in [
            ("nothing", 0o400), ("one byte", 0o755), ("a/large", 0o640), ("empty", 0o1777), ("a", 0o711),
        ] {
            chmod(scratch("in/" + name), mode_t(mode))
        }
        let times = [
            ("nothing", 1, 1), ("one byte", 1_700_000_000, 123_456_789), ("a/large", 4_102_444_800, 999_999_999),
            ("link", 1_000_000_000, 5), ("a/b/one chunk", -1_000_000, 0), ("a/b", 7, 7), ("a", 8, 800_000_000),
            ("empty", 9, 0), ("closed", 10, 10), (".", 11, 11),
        ]
        for (name, seconds, nanoseconds) in times { setTime("in/" + name, seconds, nanoseconds) }
        chmod(scratch("in/closed"), 0o555)
        chmod(scratch("in"), 0o750)

        var expected = try snapshot(scratch("in"))
        #expect(try backUp("in") == [])
        try restore()
        // The sticky bit is the one thing that does not come back.
        let empty = try #require(expected[Array("empty".utf8)])
        expected[Array("empty".utf8)] = Thing(
            type: empty.type, mode: 0o777, seconds: empty.seconds, nanoseconds: empty.nanoseconds, contents: [],
            sameAs: nil)
        #expect(try snapshot(scratch("restored")) == expected)
        #expect(expected.count == 13)
        #expect(scratch.names == ["backup", "in", "restored"])
    }

    static let oddNames: [[UInt8]] = [
        Array("with space".utf8), Array(" lead and trail ".utf8), Array("new\nline".utf8),
        Array("tab\tbell\u{07}".utf8),
        Array("back\\slash".utf8), Array("-rf".utf8), Array("*?[]'\"$`".utf8), Array("über/日本語.txt".utf8),
        [0xFF, 0xFE, 0x80], Array("caf".utf8) + [0xE9], Array("mixed é ".utf8) + [0xC3], Array("=path=x\n".utf8),
        [UInt8](repeating: UInt8(ascii: "n"), count: 255), [UInt8](repeating: 0xE9, count: 255), Array("...".utf8),
        Array("..hidden".utf8), Array("name~".utf8),
    ]

    @Test("names survive whatever bytes they are, in any locale", .serialized, arguments: ["C", "C.UTF-8"])
    func names(locale: String) throws {
        let before = setlocale(LC_ALL, nil).map { String(cString: $0) } ?? "C"
        setlocale(LC_ALL, locale)
        defer { setlocale(LC_ALL, before) }
        makeFolder("in")
        makeFolder("in/über")
        for (index, name) in Self.oddNames.enumerated() {
            let path = scratch.cPath(Array("in/".utf8) + name)
            let file = open(path, O_WRONLY | O_CREAT, 0o600)
            try #require(file >= 0)
            close(file)
            // Links to odd names, and odd names that are links.
            symlink(cString(name), scratch("in/symbolic\(index)"))
            link(path, scratch("in/hard\(index)"))
        }
        let expected = try snapshot(scratch("in"))
        try backUp("in")
        try restore()
        let restored = try snapshot(scratch("restored"))
        #expect(Set(restored.keys) == Set(expected.keys))
        #expect(restored == expected)
        #expect(expected.count == 3 * Self.oddNames.count + 2)
    }

    @Test("paths longer than any system call takes survive")
    func longPaths() throws {
        makeFolder("in")
        let name = String(repeating: "d", count: 200)
        var folder = try Descriptor(opening: Array(scratch("in").utf8), O_RDONLY)
        for _ in 0..<30 {
            mkdirat(folder.number, name, 0o700)
            folder = try Descriptor(opening: Array(name.utf8), in: folder.number, O_RDONLY)
        }
        close(openat(folder.number, "deep", O_WRONLY | O_CREAT, 0o600))
        try backUp("in")
        try restore()
        var restored = try Descriptor(opening: Array(scratch("restored").utf8), O_RDONLY)
        for _ in 0..<30 { restored = try Descriptor(opening: Array(name.utf8), in: restored.number, O_RDONLY) }
        #expect(try status(of: Array("deep".utf8), in: restored) != nil)
    }

    @Test("folders nested too deeply are refused when the backup is made, not when it is needed")
    func depth() throws {
        makeFolder("in")
        var path = "in"
        for _ in 0..<256 {
            path += "/d"
            makeFolder(path)
        }
        try backUp("in")
        try restore()
        #expect(scratch.exists(path.replacing("in/", with: "restored/", maxReplacements: 1)))
        makeFolder(path + "/d")
        #expect(throws: BackupError.nestedTooDeep(name: String(path.dropFirst(3)) + "/d")) { try backUp("in") }
    }

    @Test("several names of one file are one file again")
    func hardLinks() throws {
        makeFolder("in")
        makeFolder("in/sub")
        scratch.write([1, 2, 3], to: "in/one")
        link(scratch("in/one"), scratch("in/two"))
        link(scratch("in/one"), scratch("in/sub/three"))
        link(scratch("in/one"), scratch("outside"))
        try backUp("in")
        try restore()
        var one = stat()
        var three = stat()
        stat(scratch("restored/one"), &one)
        stat(scratch("restored/sub/three"), &three)
        #expect(one.identity == three.identity)
        #expect(one.st_nlink == 3)
        #expect(scratch.bytes("restored/two") == [1, 2, 3])
    }

    @Test("a single file goes in under its own name")
    func singleFile() throws {
        scratch.write([1, 2, 3], to: "letter.txt")
        chmod(scratch("letter.txt"), 0o640)
        setTime("letter.txt", 1_700_000_000, 5)
        try backUp("letter.txt")
        try restore()
        let things = try snapshot(scratch("restored"))
        let expected = try snapshot(scratch("letter.txt"))
        #expect(things[Array("letter.txt".utf8)] == expected[[]])
        #expect(things.count == 2)
    }

    @Test("sockets, pipes and devices are skipped, and named")
    func special() throws {
        makeFolder("in")
        mkfifo(scratch("in/pipe\u{1B}[2J"), 0o600)
        scratch.write([1], to: "in/file")
        #expect(try backUp("in") == [.specialFile(name: "pipe\\x1b[2J")])
        try restore()
        #expect(Set(try snapshot(scratch("restored")).keys) == [[], Array("file".utf8)])
        #expect(throws: BackupError.self) { try backUp("in/pipe\u{1B}[2J") }
    }

    @Test("a backup inside the folder that it is of does not contain itself")
    func ownOutput() throws {
        makeFolder("in")
        scratch.write([1], to: "in/file")
        let warnings = try BackupFile.write(
            .tree(scratch("in")), to: .file(scratch("in/backup")), key: testKey(), generation: 1, stanzas: [])
        #expect(warnings.count == 1)
        guard case .ownOutput = warnings.first else { return #expect(Bool(false), "\(warnings)") }
        try BackupFile(opening: .file(scratch("in/backup"))).restore(with: testKey(), to: .folder(scratch("restored")))
        #expect(Set(try snapshot(scratch("restored")).keys) == [[], Array("file".utf8)])
    }

    @Test("a file that grows or shrinks while it is read keeps the archive whole, and is named")
    func changing() throws {
        makeFolder("in")
        // More than is read before the first is written.
        scratch.write(pattern(5_000_000), to: "in/shrinks")
        var hasShrunk = false
        let path = scratch("in/shrinks")
        let warnings = try BackupFile.write(
            .tree(scratch("in")), to: .file(scratch("backup")), key: testKey(), generation: 1, stanzas: [],
            observer: { (_) throws(BackupError) in
                if !hasShrunk { truncate(path, 2_500_000) }
                hasShrunk = true
            })
        #expect(warnings == [.changed(name: "shrinks")])
        try restore()
        let restored = try #require(scratch.bytes("restored/shrinks"))
        #expect(restored.count == 5_000_000)
        #expect(restored.prefix(2_500_000).elementsEqual(pattern(2_500_000)))
        #expect(restored.suffix(2_500_000).allSatisfy { $0 == 0 })
    }

    @Test("a file that says it is empty and is not is named, one that is empty is not")
    func saysEmpty() throws {
        scratch.write([], to: "empty")
        #expect(try backUp("empty") == [])
        let warnings = try BackupFile.write(
            .tree("/proc/version"), to: .file(scratch("backup")), key: testKey(), generation: 1, stanzas: [])
        #expect(warnings == [.saysEmpty(name: "version")])
        try restore()
        #expect(scratch.bytes("restored/version") == [])
    }

    @Test("a name that a folder's listing gives twice goes in once")
    func listedTwice() throws {
        makeFolder("in")
        // More than is read before the first is written.
        scratch.write(pattern(5_000_000), to: "in/file")
        let path = scratch("in")
        var isSetBack = false
        let warnings = try BackupFile.write(
            .tree(path), to: .file(scratch("backup")), key: testKey(), generation: 1, stanzas: [],
            observer: { (_) throws(BackupError) in
                // The one name was listed already; from here the listing begins anew.
                if !isSetBack { isSetBack = setBack(path) }
            })
        #expect(isSetBack)
        #expect(warnings == [])
        try restore()
        #expect(scratch.bytes("restored/file") == pattern(5_000_000))
    }

    @Test("a folder that cannot be read fails the backup instead of leaving a gap")
    func missing() {
        #expect(throws: BackupError.io(code: ENOENT, doing: "Opening \(scratch("nothing"))")) { try backUp("nothing") }
        #expect(scratch.names == [])
    }

    @Test("the tar archive in a backup is one that others can read")
    func tar() async throws {
        makeFolder("in")
        scratch.write(Array("hello\n".utf8), to: "in/greeting")
        try backUp("in")
        try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .file(scratch("tar")))
        let tar = try await ChildProcess.spawn(
            ["tar", "-xOf", "tar", "greeting"], in: URL(filePath: scratch.path), output: "text", errors: "errors")
        #expect(await tar.status() == 0)
        #expect(scratch.bytes("text") == Array("hello\n".utf8))
    }
}

/// Sets every open description of this folder in this process back to its beginning, and says whether there were any.
private func setBack(_ path: String) -> Bool {
    var folder = stat()
    guard stat(path, &folder) == 0 else { return false }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    let open = names.compactMap { Int32($0) }.filter { number in
        var status = stat()
        return fstat(number, &status) == 0 && status.identity == folder.identity
    }
    for number in open { lseek(number, 0, SEEK_SET) }
    return !open.isEmpty
}
