import Foundation
import Secrets
import TestSupport

@testable import Backup

/// A folder for one test, removed with it. Names below it are bytes.
final class Scratch {
    let path: String

    init(in parent: String = NSTemporaryDirectory()) {
        path = parent + "/tenpin-test-" + UUID().uuidString
        mkdir(path, 0o700)
    }

    deinit { Scratch.remove(path) }

    static func remove(_ path: String) {
        ChildProcess.run(["sh", "-c", "chmod -R u+rwX \"$0\"; rm -rf \"$0\"", path])
    }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// The path below this folder as the system takes it.
    func cPath(_ name: [UInt8]) -> [CChar] { cString(Array(path.utf8) + [UInt8(ascii: "/")] + name) }

    @discardableResult
    func write(_ bytes: [UInt8], to name: String) -> String {
        _ = FileManager.default.createFile(atPath: self(name), contents: Data(bytes))
        return self(name)
    }

    func bytes(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: self(name)).map { Array($0) } }

    func exists(_ name: String) -> Bool {
        var status = stat()
        return lstat(self(name), &status) == 0
    }

    /// All names directly in this folder.
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// One thing on the disk, as a restore should bring it back.
struct Thing: Equatable {
    let type: mode_t
    let mode: mode_t
    let seconds: Int
    let nanoseconds: Int
    let contents: [UInt8]
    /// The first of several names of the same file.
    let sameAs: [UInt8]?
}

/// Everything below `path`, by name.
func snapshot(_ path: String) throws -> [[UInt8]: Thing] {
    var things: [[UInt8]: Thing] = [:]
    var files: [FileIdentity: [UInt8]] = [:]
    func visit(_ name: [UInt8]) throws {
        let full = cString(Array(path.utf8) + (name.isEmpty ? [] : [UInt8(ascii: "/")] + name))
        var status = stat()
        guard lstat(full, &status) == 0 else { throw BackupError.system("lstat") }
        var contents: [UInt8] = []
        var sameAs: [UInt8]?
        var children: [[UInt8]] = []
        if status.isFolder {
            let folder = try Descriptor(opening: full.dropLast().map(UInt8.init(bitPattern:)), O_RDONLY)
            let listing = try FolderListing(folder)
            while let child = try listing.next() { children.append(child) }
        } else if status.isSymbolicLink {
            var target = [CChar](repeating: 0, count: 4096)
            let count = readlink(full, &target, 4096)
            contents = target.prefix(count).map(UInt8.init(bitPattern:))
        } else {
            contents = try Descriptor(opening: full.dropLast().map(UInt8.init(bitPattern:)), O_RDONLY)
                .read(upTo: Int(status.st_size))
            sameAs = files[status.identity]
            files[status.identity] = files[status.identity] ?? name
        }
        things[name] = Thing(
            type: status.st_mode & S_IFMT, mode: status.isSymbolicLink ? 0 : status.st_mode & 0o7777,
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec, contents: contents, sameAs: sameAs)
        for child in children.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            try visit(name.isEmpty ? child : name + [UInt8(ascii: "/")] + child)
        }
    }
    try visit([])
    return things
}

/// A key that is the same in every call of one test.
func testKey(_ byte: UInt8 = 7) -> BackupKey {
    BackupKey(SecretBytes(copying: [UInt8](repeating: byte, count: 32).span)) ?? BackupKey()
}

/// A backup file of one stream, made through a file.
func sealedStream(_ contents: [UInt8], stanzas: [Stanza] = [], key: UInt8 = 7) throws -> [UInt8] {
    let scratch = Scratch()
    let input = try Descriptor(opening: Array(scratch.write(contents, to: "in").utf8), O_RDONLY)
    _ = try BackupFile.write(
        .stream(input.number), to: .file(scratch("out")), key: testKey(key), generation: 3, stanzas: stanzas)
    return scratch.bytes("out") ?? []
}

/// What restoring this backup file to a file gives.
func opened(_ backup: [UInt8], key: UInt8 = 7) throws -> [UInt8]? {
    let scratch = Scratch()
    scratch.write(backup, to: "backup")
    do {
        try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(key), to: .file(scratch("out")))
    } catch {
        // Whatever the error, nothing may be left.
        guard scratch.names == ["backup"] else { return nil }
        throw error
    }
    return scratch.bytes("out")
}

/// Bytes that repeat only after a long time.
func pattern(_ count: Int) -> [UInt8] {
    var state: UInt64 = 88_172_645_463_325_252
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
    }
}
