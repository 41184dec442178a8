import Foundation
import Testing

@testable import Backup

/// Entries of a tar archive as nobody should write it (POSIX ustar, pax Interchange Format).
struct TarEntry {
    var name: String
    var type: Character = "0"
    var target = ""
    var mode = 0o644
    var contents: [UInt8] = []
    /// The size that the header claims, where it is not the true one.
    var claimedSize: Int?

    var bytes: [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.utf8.count) + text
        }
        put(name, at: 0)
        put(octal(mode, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(claimedSize ?? contents.count, 11), at: 124)
        put(octal(1_700_000_000, 11), at: 136)
        put("        ", at: 148)
        put(String(type), at: 156)
        put(target, at: 157)
        put("ustar\u{0}00", at: 257)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0}", at: 148)
        return header + contents + [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
    }
}

@Suite struct HostileArchiveTests {
    let scratch = Scratch()

    /// Seals an archive with the true key, as somebody who has it could, and restores it.
    func restore(_ entries: [TarEntry]) throws {
        try restore(tar: entries.flatMap(\.bytes) + [UInt8](repeating: 0, count: 1024))
    }

    func restore(tar: [UInt8]) throws {
        let header = try BackupHeader(content: .archive, key: testKey(), generation: 1, stanzas: [])
        try BackupFile.write(
            header, to: .file(scratch("backup")), key: testKey(), total: nil,
            observer: { (_) throws(BackupError) in }
        ) { (chunks, _) throws(BackupError) in try chunks.write(tar.span) }
        try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .folder(scratch("out")))
    }

    static let folder = TarEntry(name: "a/", type: "5", mode: 0o755)
    static let file = TarEntry(name: "a/x", contents: [1, 2, 3])

    @Test("a file with holes is refused: a few bytes would fill the disk with zeros")
    func holes() {
        func record(_ text: String) -> String {
            let length = text.utf8.count + 4
            return "\(length) \(text)\n"
        }
        let attributes = [
            "GNU.sparse.size=\(1 << 50)", "GNU.sparse.numblocks=1", "GNU.sparse.map=\(1 << 40),3",
        ]
        let extended = TarEntry(name: "x", type: "x", contents: Array(attributes.map(record).joined().utf8))
        #expect(throws: BackupError.damaged(.contents)) {
            try restore([extended, TarEntry(name: "x", contents: [1, 2, 3])])
        }
        #expect(scratch.names == ["backup"])
    }

    @Test("a harmless archive of this kind restores")
    func harmless() throws {
        try restore([Self.folder, Self.file, TarEntry(name: "a/y", type: "1", target: "a/x")])
        #expect(scratch.bytes("out/a/y") == [1, 2, 3])
    }

    struct Attack: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let entries: [TarEntry]
    }

    static let attacks = [
        Attack(testDescription: "upwards", entries: [TarEntry(name: "../evil", contents: [1])]),
        Attack(testDescription: "upwards later", entries: [folder, TarEntry(name: "a/../../evil", contents: [1])]),
        Attack(testDescription: "upwards at the end", entries: [folder, TarEntry(name: "a/..", type: "5")]),
        Attack(testDescription: "absolute", entries: [TarEntry(name: "/tmp/tenpin-evil", contents: [1])]),
        Attack(testDescription: "an empty name", entries: [TarEntry(name: "./", contents: [1])]),
        Attack(testDescription: "twice a slash", entries: [folder, TarEntry(name: "a//x", contents: [1])]),
        Attack(
            testDescription: "through a link outside",
            entries: [TarEntry(name: "a", type: "2", target: ".."), TarEntry(name: "a/evil", contents: [1])]),
        Attack(
            testDescription: "through a link to a folder inside",
            entries: [
                folder, TarEntry(name: "b", type: "2", target: "a"), TarEntry(name: "b/x", contents: [1]),
            ]),
        Attack(
            testDescription: "a folder in place of a link",
            entries: [
                TarEntry(name: "a", type: "2", target: ".."), folder, TarEntry(name: "a/evil", contents: [1]),
            ]),
        Attack(
            testDescription: "a file in place of a link",
            entries: [TarEntry(name: "a", type: "2", target: "../evil"), TarEntry(name: "a", contents: [1])]),
        Attack(
            testDescription: "a hard link upwards",
            entries: [TarEntry(name: "a", type: "1", target: "../secret")]),
        Attack(
            testDescription: "a hard link to an absolute name",
            entries: [TarEntry(name: "a", type: "1", target: "/etc/passwd")]),
        Attack(
            testDescription: "a hard link through a link",
            entries: [
                TarEntry(name: "l", type: "2", target: ".."), TarEntry(name: "a", type: "1", target: "l/secret"),
            ]),
        Attack(
            testDescription: "a hard link to a link",
            entries: [
                TarEntry(name: "l", type: "2", target: "../secret"), TarEntry(name: "a", type: "1", target: "l"),
            ]),
        Attack(testDescription: "a hard link to nothing", entries: [TarEntry(name: "a", type: "1", target: "b")]),
        Attack(testDescription: "a character device", entries: [TarEntry(name: "a", type: "3", mode: 0o666)]),
        Attack(testDescription: "a block device", entries: [TarEntry(name: "a", type: "4", mode: 0o666)]),
        Attack(testDescription: "a pipe", entries: [TarEntry(name: "a", type: "6", mode: 0o666)]),
        Attack(testDescription: "one name twice", entries: [folder, file, file]),
        Attack(testDescription: "no folder for it", entries: [file]),
        Attack(
            testDescription: "a folder gone back to",
            entries: [folder, TarEntry(name: "b/", type: "5"), file]),
        Attack(testDescription: "the root as a file", entries: [TarEntry(name: ".", contents: [1])]),
        Attack(testDescription: "the root, late", entries: [folder, TarEntry(name: "./", type: "5", mode: 0o777)]),
    ]

    @Test("an archive that leaves its folder is refused whole", arguments: attacks)
    func refused(attack: Attack) throws {
        scratch.write([0x5E, 0xC2, 0xE7], to: "secret")
        let error = #expect(throws: BackupError.self) { try restore(attack.entries) }
        guard case .unsafeEntry = error else {
            // libarchive itself refuses a name that it does not take for one.
            #expect(error == .damaged(.contents))
            return
        }
        #expect(scratch.names == ["backup", "secret"])
        #expect(scratch.bytes("secret") == [0x5E, 0xC2, 0xE7])
        var status = stat()
        stat(scratch("secret"), &status)
        #expect(status.st_nlink == 1)
        #expect(lstat("/tmp/tenpin-evil", &status) != 0)
    }

    @Test("a program that would run as its owner comes back without that power")
    func setID() throws {
        try restore([
            TarEntry(name: "./", type: "5", mode: 0o7777), TarEntry(name: "su", mode: 0o6755, contents: [1]),
            TarEntry(name: "d/", type: "5", mode: 0o3777),
        ])
        let things = try snapshot(scratch("out"))
        #expect(things[Array("su".utf8)]?.mode == 0o755)
        #expect(things[Array("d".utf8)]?.mode == 0o777)
        #expect(things[[]]?.mode == 0o777)
    }

    @Test("links may point anywhere; nothing follows them")
    func links() throws {
        try restore([TarEntry(name: "l", type: "2", target: "/etc/passwd")])
        #expect(try snapshot(scratch("out"))[Array("l".utf8)]?.contents == Array("/etc/passwd".utf8))
    }

    @Test("authentic contents that are no archive, or a broken one, are refused")
    func noArchive() {
        for tar in [
            [], [1], pattern(2000), Array(Self.file.bytes.prefix(100)),
            Self.folder.bytes + TarEntry(name: "a/x", contents: [1], claimedSize: 1_000_000).bytes,
            Self.folder.bytes + pattern(512),
        ] {
            #expect(throws: BackupError.damaged(.contents)) { try restore(tar: tar) }
            #expect(scratch.names == ["backup"])
        }
    }

    @Test("a stream is no tree")
    func stream() throws {
        scratch.write(try sealedStream([1, 2, 3]), to: "backup")
        #expect(throws: BackupError.notATree) {
            try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: .folder(scratch("out")))
        }
        #expect(scratch.names == ["backup"])
    }
}
