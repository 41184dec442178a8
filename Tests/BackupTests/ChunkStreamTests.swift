import Testing

@testable import Backup

@Suite struct ChunkStreamTests {
    static let chunk = Chunk.size
    /// The header without stanzas, and the stream's start.
    static let start = BackupHeader.minimumSize + 24

    @Test(
        "a stream of any size comes back as it was",
        arguments: [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 5])
    func roundTrip(size: Int) throws {
        let contents = pattern(size)
        let backup = try sealedStream(contents)
        #expect(try opened(backup) == contents)
        let chunks = max(1, (size + Self.chunk - 1) / Self.chunk)
        #expect(backup.count == Self.start + size + 17 * chunks)
    }

    @Test("a file cut at the border of a chunk is refused as cut", arguments: [0, 1, 2])
    func truncatedAtBorder(chunks: Int) throws {
        let backup = try sealedStream(pattern(2 * Self.chunk + 5))
        let cut = Array(backup.prefix(Self.start + chunks * Chunk.sealedSize))
        #expect(throws: BackupError.truncated) { try opened(cut) }
    }

    @Test(
        "a file cut inside a chunk is refused",
        arguments: [
            start + 1, start + 16, start + 17, start + 1000, start + Chunk.sealedSize - 1, start + Chunk.sealedSize + 3,
        ])
    func truncatedInside(size: Int) throws {
        let backup = try sealedStream(pattern(Self.chunk + 5))
        #expect(throws: BackupError.damaged(.end)) { try opened(Array(backup.prefix(size))) }
    }

    @Test("a file cut inside its header or the stream's start is refused")
    func truncatedHeader() throws {
        let backup = try sealedStream([1])
        for size in 0..<8 {
            #expect(throws: BackupError.notABackup) { try opened(Array(backup.prefix(size))) }
        }
        for size in 8..<Self.start + 1 {
            #expect(throws: BackupError.truncated) { try opened(Array(backup.prefix(size))) }
        }
    }

    @Test("swapped, repeated and dropped chunks are refused")
    func order() throws {
        let backup = try sealedStream(pattern(3 * Self.chunk + 5))
        let start = Array(backup.prefix(Self.start))
        let body = Array(backup.dropFirst(Self.start))
        let chunks = stride(from: 0, to: body.count, by: Chunk.sealedSize).map {
            Array(body[$0..<min($0 + Chunk.sealedSize, body.count)])
        }
        #expect(try opened(start + chunks.joined()) != nil)
        for (order, place) in [
            ([1, 0, 2, 3], 0), ([0, 2, 1, 3], 1), ([0, 0, 1, 2, 3], 1), ([0, 2, 3], 1), ([1, 2, 3], 0),
        ] {
            #expect(throws: BackupError.damaged(.chunk(UInt64(place)))) {
                try opened(start + order.flatMap { chunks[$0] })
            }
        }
        #expect(throws: BackupError.damaged(.end)) { try opened(start + chunks[0] + chunks[3]) }
    }

    @Test("a chunk of another file under the same key is refused")
    func foreign() throws {
        let one = try sealedStream(pattern(Self.chunk + 5))
        let two = try sealedStream(pattern(Self.chunk + 5))
        let mixed = one.prefix(Self.start) + two.dropFirst(Self.start)
        #expect(throws: BackupError.damaged(.chunk(0))) { try opened(Array(mixed)) }
        let start = one.prefix(Self.start - 24) + two.dropFirst(Self.start - 24)
        #expect(throws: BackupError.damaged(.chunk(0))) { try opened(Array(start)) }
    }

    @Test("appended bytes are refused, after a full last chunk and after a short one")
    func appended() throws {
        let full = try sealedStream(pattern(Self.chunk))
        #expect(throws: BackupError.trailingBytes) { try opened(full + [0]) }
        #expect(throws: BackupError.trailingBytes) { try opened(full + full) }
        let short = try sealedStream(pattern(5))
        #expect(throws: BackupError.damaged(.end)) { try opened(short + [0]) }
        #expect(throws: BackupError.damaged(.chunk(0))) { try opened(short + pattern(Chunk.sealedSize)) }
    }

    @Test("one changed bit in any part of any chunk is refused")
    func changed() throws {
        let backup = try sealedStream(pattern(Self.chunk + 5))
        let second = Self.start + Chunk.sealedSize
        for index in [Self.start - 24, Self.start - 1, Self.start, Self.start + 1, Self.start + 30_000, second - 1] {
            var changed = backup
            changed[index] ^= 0x80
            #expect(throws: BackupError.damaged(.chunk(0))) { try opened(changed) }
        }
        for index in second..<backup.count {
            var changed = backup
            changed[index] ^= 1
            #expect(throws: BackupError.damaged(.end)) { try opened(changed) }
        }
    }

    @Test("the wrong key is refused before anything is decrypted")
    func wrongKey() throws {
        let backup = try sealedStream(pattern(5))
        #expect(throws: BackupError.wrongKey) { try opened(backup, key: 8) }
        // Even where nothing that could be decrypted is there.
        #expect(throws: BackupError.wrongKey) { try opened(Array(backup.prefix(BackupHeader.minimumSize)), key: 8) }
    }

    @Test("verifying finds what restoring would find, and writes nothing")
    func verify() throws {
        let scratch = Scratch()
        var backup = try sealedStream(pattern(Self.chunk + 5))
        scratch.write(backup, to: "backup")
        try BackupFile(opening: .file(scratch("backup"))).verify(with: testKey())
        backup[backup.count - 1] ^= 1
        scratch.write(backup, to: "backup")
        #expect(throws: BackupError.damaged(.end)) {
            try BackupFile(opening: .file(scratch("backup"))).verify(with: testKey())
        }
        #expect(scratch.names == ["backup"])
    }

    @Test("progress is told once a chunk, and ends at the total")
    func progress() throws {
        let scratch = Scratch()
        let input = try Descriptor(
            opening: Array(scratch.write(pattern(2 * Self.chunk + 5), to: "in").utf8), 0)
        var seen: [BackupProgress] = []
        _ = try BackupFile.write(
            .stream(input.number), to: .file(scratch("backup")), key: testKey(), generation: 0, stanzas: [],
            observer: { (progress) throws(BackupError) in seen.append(progress) })
        #expect(seen.map(\.bytesDone) == [65_536, 131_072, 131_077])
        #expect(seen.allSatisfy { $0.bytesTotal == 131_077 })

        seen = []
        try BackupFile(opening: .file(scratch("backup"))).verify(with: testKey()) { (progress) throws(BackupError) in
            seen.append(progress)
        }
        #expect(seen.count == 3)
        #expect(seen.last?.bytesDone == seen.last?.bytesTotal)
        #expect(seen.last?.bytesTotal == UInt64(scratch.bytes("backup")?.count ?? 0))
    }
}
