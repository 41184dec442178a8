import Glibc
import Secrets

@testable import Backup

/// A backup's body. The first byte says whose work it is: somebody's who has no key, or an archive by who has it.
enum StreamFuzz: FuzzBody {
    static let largest = 4096

    static func take(_ bytes: [UInt8]) throws(Finding) {
        guard let kind = bytes.first else { return }
        let rest = Array(bytes.dropFirst())
        switch kind % 3 {
        case 0: try forge(rest)
        case 1: try damage(rest)
        default: try hostileArchive(rest)
        }
    }

    /// Bytes behind a true header, made without the key: nothing comes out of them.
    private static func forge(_ body: [UInt8]) throws(Finding) {
        guard body != Array(Genuine.backup.dropFirst(Genuine.headerSize)) else { return }
        try must(restored(Genuine.backup.prefix(Genuine.headerSize) + body) == nil, "a forged body was restored")
    }

    /// Edits of a true backup of three chunks, four bytes each: what to do, where (16 bits, in 24ths of a chunk), and a byte.
    /// Whatever was done, the true contents come out or nothing does.
    private static func damage(_ edits: [UInt8]) throws(Finding) {
        var backup = Genuine.backup
        for edit in stride(from: 0, to: edits.count - 3, by: 4) {
            guard !backup.isEmpty else { break }
            let at = (Int(edits[edit + 1]) << 8 | Int(edits[edit + 2])) * 3 % backup.count
            let value = edits[edit + 3]
            switch edits[edit] % 5 {
            case 0: backup[at] ^= value
            case 1: backup.removeLast(min(backup.count, at))
            case 2: backup.append(value)
            case 3: backup.removeSubrange(at..<min(backup.count, at + Int(value)))
            default: move(&backup, Int(value))
            }
            if backup.count > 4 * Chunk.sealedSize { return }
        }
        let contents = restored(backup)
        if backup == Genuine.backup {
            try must(contents == Genuine.contents, "an untouched backup restores")
        } else {
            try must(contents == nil, "a changed backup was restored")
        }
    }

    /// Repeats, drops or swaps whole chunks.
    private static func move(_ backup: inout [UInt8], _ value: Int) {
        let start = Genuine.headerSize + SecretStream.headerSize
        let (one, two) = (start + value % 3 * Chunk.sealedSize, start + value / 3 % 3 * Chunk.sealedSize)
        guard max(one, two) + Chunk.sealedSize <= backup.count else { return }
        let (first, second) = (one..<one + Chunk.sealedSize, two..<two + Chunk.sealedSize)
        switch value / 9 % 3 {
        case 0: backup.insert(contentsOf: backup[first], at: two)
        case 1: backup.removeSubrange(first)
        default:
            let kept = Array(backup[first])
            backup.replaceSubrange(first, with: Array(backup[second]))
            backup.replaceSubrange(second, with: kept)
        }
    }

    /// A sealed archive: whatever it says, entries are read to its end or refused.
    private static func hostileArchive(_ tar: [UInt8]) throws(Finding) {
        guard let sealed = attempt({ () throws(BackupError) in try BackupInput.seal(tar, as: .archive) }) else {
            throw Finding(description: "an archive cannot be sealed")
        }
        try must(restored(sealed) == tar, "what was sealed comes out")
        do throws(BackupError) {
            let backup = try BackupInput.open(sealed)
            let chunks = try ChunkReader(
                from: Descriptor(borrowing: lseeked(backup.header.encoded.count)), header: backup.header,
                key: BackupInput.key,
                observer: { (_) throws(BackupError) in })
            let archive = try ArchiveReader(from: chunks)
            var entries = 0
            while let entry = try archive.next() {
                entries += 1
                try archive.copy(to: Descriptor(borrowing: discarded()))
                guard entry.name.contains(0) == false, entries <= 1 + tar.count / 512 else {
                    throw .damaged(.contents)
                }
            }
        } catch {
            return
        }
    }

    /// The source, to be read from `offset`.
    private static func lseeked(_ offset: Int) -> Int32 {
        lseek(BackupInput.source, off_t(offset), SEEK_SET)
        return BackupInput.source
    }

    /// Somewhere to write to; emptied.
    private static func discarded() -> Int32 {
        BackupInput.fill(BackupInput.sink, [])
        return BackupInput.sink
    }

    /// What comes out of a backup as a whole, or `nil`.
    private static func restored(_ backup: [UInt8]) -> [UInt8]? {
        do throws(BackupError) {
            let file = try BackupInput.open(backup)
            try file.restore(with: BackupInput.key, to: .descriptor(discarded()))
            return BackupInput.contents(of: BackupInput.sink)
        } catch {
            return nil
        }
    }

    private enum Genuine {
        static let contents = [UInt8](repeating: 0x3C, count: 2 * Chunk.size + 100)
        static let backup = attempt { () throws(BackupError) in try BackupInput.seal(contents, as: .stream) } ?? []
        static let headerSize = BackupHeader.minimumSize
    }

    static func seeds() throws -> [[UInt8]] {
        var folder = [UInt8](repeating: 0, count: 512)
        folder.replaceSubrange(0..<2, with: Array("a/".utf8))
        folder.replaceSubrange(100..<107, with: Array("0000755".utf8))
        folder.replaceSubrange(124..<135, with: Array("00000000000".utf8))
        folder.replaceSubrange(136..<147, with: Array("14500000000".utf8))
        folder.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
        folder[156] = UInt8(ascii: "5")
        folder.replaceSubrange(257..<265, with: Array("ustar\u{0}00".utf8))
        let digits = String(folder.reduce(0) { $0 + Int($1) }, radix: 8)
        let sum = String(repeating: "0", count: 6 - digits.count) + digits + "\u{0}"
        folder.replaceSubrange(148..<155, with: Array(sum.utf8))
        return [
            [0] + [UInt8](repeating: 9, count: 60), [1], [1, 0, 1, 0, 1], [1, 4, 0, 0, 3], [1, 2, 0, 0, 0],
            [1, 1, 0, 9, 0],
            [2] + folder + [UInt8](repeating: 0, count: 1024),
        ]
    }
}
