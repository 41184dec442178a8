import Glibc
import Testing

@testable import Backup

/// Damage of every kind to a whole file: never wrong bytes out, and always an error that says what to do.
@Suite struct DamageTests {
    static let chunk = Chunk.size
    let scratch = Scratch()

    /// Two chunks and a short one, with every kind of stanza before them.
    static func backup(_ contents: [UInt8] = pattern(2 * chunk + 5), key: UInt8 = 7) throws -> [UInt8] {
        try sealedStream(contents, stanzas: try BackupHeaderTests.stanzas(), key: key)
    }

    /// Restores a damaged file to a place and to a pipe's stand-in: the first keeps nothing, the second sees a
    /// beginning of the true contents or nothing.
    func refuses(_ backup: [UInt8], of contents: [UInt8], _ what: String) throws {
        scratch.write(backup, to: "backup")
        scratch.write([], to: "output")
        let output = try Descriptor(opening: Array(scratch("output").utf8), O_WRONLY | O_TRUNC)
        for target in [BackupFile.Target.file(scratch("out")), .descriptor(output.number)] {
            let error = #expect(throws: BackupError.self, "\(what)") {
                try BackupFile(opening: .file(scratch("backup"))).restore(with: testKey(), to: target)
            }
            #expect(error?.description.contains(/[;,] (take|use|choose) [a-z ]+.*\.$/) == true, "\(what)")
        }
        #expect(scratch.names == ["backup", "output"], "\(what)")
        #expect(contents.starts(with: scratch.bytes("output") ?? [0]), "\(what)")
    }

    @Test("no bit of the header may change")
    func headerBits() throws {
        let contents = pattern(5)
        let backup = try Self.backup(contents)
        let size = backup.count - 24 - 17 - contents.count
        for bit in 0..<8 * size {
            var changed = backup
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            try refuses(changed, of: contents, "bit \(bit)")
        }
    }

    @Test("no bit of the body may change, at the edges of its parts and between")
    func bodyBits() throws {
        let contents = pattern(2 * Self.chunk + 5)
        let backup = try Self.backup(contents)
        let body = backup.count - 24 - 3 * 17 - contents.count
        let edges = [0, 24, 24 + Chunk.sealedSize, 24 + 2 * Chunk.sealedSize].flatMap {
            [body + $0 - 1, body + $0, body + $0 + 1]
        }
        let between = stride(from: body, to: backup.count, by: 997)
        for index in edges + between + ((backup.count - 22)..<backup.count) {
            var changed = backup
            changed[index] ^= 1 << UInt8(index % 8)
            try refuses(changed, of: contents, "byte \(index)")
        }
    }

    @Test("a file cut at the edge of any part, or a byte beside it, gives nothing")
    func cut() throws {
        let contents = pattern(2 * Self.chunk)
        let backup = try Self.backup(contents)
        let body = backup.count - 24 - 2 * 17 - contents.count
        let edges = [
            0, 8, 10, 12, 44, 48, 80, 82, body - 32, body, body + 24, body + 24 + Chunk.sealedSize, backup.count,
        ]
        for cut in Set(edges.flatMap { [$0 - 1, $0, $0 + 1] }) where (0..<backup.count).contains(cut) {
            try refuses(Array(backup.prefix(cut)), of: contents, "\(cut) bytes")
        }
    }

    @Test("the beginning of one backup with the end of another gives nothing, under one key or two")
    func splices() throws {
        let contents = pattern(2 * Self.chunk + 5)
        let one = try Self.backup(contents)
        let body = one.count - 24 - 3 * 17 - contents.count
        for other in [try Self.backup(contents), try Self.backup(contents, key: 8)] {
            for cut in [12, 44, 48, 80, body - 32, body, body + 24] + [1, 2].map({ body + 24 + $0 * Chunk.sealedSize })
            {
                for (beginning, end) in [(one, other), (other, one)] {
                    let spliced = Array(beginning[..<cut] + end[cut...])
                    // Within what both begin with there is no splice.
                    if spliced != one, spliced != other { try refuses(spliced, of: contents, "spliced at \(cut)") }
                }
            }
            // A second backup behind the first, and one inside the other.
            try refuses(one + other, of: contents, "one after the other")
            try refuses(
                Array(one.prefix(body + 24) + other + one.dropFirst(body + 24)), of: contents, "one in the other")
        }
    }

    @Test("nothing of a tree appears from a damaged or spliced backup of it")
    func tree() throws {
        mkdir(scratch("in"), 0o700)
        scratch.write(pattern(Self.chunk), to: "in/one")
        scratch.write(pattern(Self.chunk + 1), to: "in/two")
        let backups = try (0..<2).map { _ in
            _ = try BackupFile.write(
                .tree(scratch("in")), to: .file(scratch("backup")), key: testKey(), generation: 1, stanzas: [])
            return try #require(scratch.bytes("backup"))
        }
        let body = BackupHeader.minimumSize + 24
        let edges = stride(from: body, to: backups[0].count, by: Chunk.sealedSize)
        for edge in edges {
            var changed = backups[0]
            changed[edge + 1] ^= 4
            for damaged in [changed, Array(backups[0].prefix(edge)), Array(backups[0][..<edge] + backups[1][edge...])] {
                scratch.write(damaged, to: "backup")
                let error = #expect(throws: BackupError.self) {
                    try BackupFile(opening: .file(scratch("backup"))).restore(
                        with: testKey(), to: .folder(scratch("out")))
                }
                #expect(error?.description.contains(#/[;,] take /#) == true)
                #expect(scratch.names == ["backup", "in"])
            }
        }
    }
}
