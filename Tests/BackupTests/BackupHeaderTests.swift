import Secrets
import TestSupport
import Testing

@testable import Backup

@Suite struct BackupHeaderTests {
    static let vault = VaultStanza(
        account: "käthe@example.org", enrollmentID: [UInt8](repeating: 0x11, count: 16),
        recipeHash: [UInt8](repeating: 0x22, count: 32), confirmation: [UInt8](repeating: 0x33, count: 32))

    static func stanzas() throws -> [Stanza] {
        let digits = DigitsStanza(wrapping: testKey(), under: DigitsKey())
        return [.vault(try #require(vault)), .digits(digits), .unknown(type: 999, body: [1, 2, 3])]
    }

    func header(_ backup: [UInt8]) throws -> BackupHeader {
        let scratch = Scratch()
        return try BackupFile(opening: .file(scratch.write(backup, to: "backup"))).header
    }

    @Test("a header says which key opens the file, without that key")
    func readable() throws {
        let stanzas = try Self.stanzas()
        let header = try header(try sealedStream([1, 2, 3], stanzas: stanzas))
        #expect(header.keyID == testKey().id)
        #expect(header.generation == 3)
        #expect(header.content == .stream)
        #expect(header.stanzas == stanzas)
    }

    @Test("the format is what the documentation says, byte by byte")
    func layout() throws {
        let body: [UInt8] = [0xAA, 0xBB]
        let backup = try sealedStream([], stanzas: [.unknown(type: 0x0102, body: body)])
        let id = hex(testKey().id.bytes)
        #expect(hex(backup[..<12]) == "54454e50494e0d0a" + "0001" + "0078")
        #expect(hex(backup[12..<44]) == id)
        #expect(hex(backup[44..<48]) == "00000003")
        #expect(hex(backup[80..<82]) == "01" + "01")
        #expect(hex(backup[82..<88]) == "0102" + "0002" + "aabb")
        #expect(backup.count == 0x78 + 24 + 17)
    }

    // Derived with an independent implementation of HKDF from 32 bytes of 07.
    @Test("the key id is HKDF of the key")
    func keyID() {
        #expect(testKey().id.description == "5a4eb4b30e91606daf71a2b29c201ef9fae7d1d708f3d5ba6319090c6b2fdaa4")
    }

    @Test("two files under one key share no file id")
    func fileIDs() throws {
        #expect(try header(try sealedStream([])).fileID != header(try sealedStream([])).fileID)
    }

    @Test("one changed bit in any byte of the header is refused")
    func everyByte() throws {
        let backup = try sealedStream([1, 2, 3], stanzas: try Self.stanzas())
        let size = try header(backup).encoded.count
        for index in 0..<size {
            var changed = backup
            changed[index] ^= 1
            let error = #expect(throws: BackupError.self) { try opened(changed) }
            switch index {
            case 0..<8: #expect(error == .notABackup)
            case 8..<10: #expect(error == .unsupportedVersion(index == 8 ? 257 : 0))
            case 10..<12: #expect(error == .damaged(.header) || error == .truncated)
            case 12..<44: #expect(error == .wrongKey)
            default: #expect(error == .damaged(.header))
            }
        }
    }

    @Test("a stanza removed, added, repeated or moved is refused")
    func stanzasAreCovered() throws {
        let stanzas = try Self.stanzas()
        let backup = try sealedStream([1, 2, 3], stanzas: stanzas)
        let header = try header(backup)
        let contents = Array(backup.dropFirst(header.encoded.count))

        for other in [
            [stanzas[1], stanzas[2]], [stanzas[0], stanzas[2]], [stanzas[0], stanzas[1]], [],
            [stanzas[1], stanzas[0], stanzas[2]], [stanzas[0], stanzas[2], stanzas[1]], stanzas + [stanzas[0]],
        ] {
            // Made by somebody who knows the format and the key id, but not the key.
            let forged = try BackupHeader(content: .stream, key: testKey(), generation: 3, stanzas: other)
            var bytes = Array(forged.encoded.dropLast(32)) + header.tag
            bytes.replaceSubrange(48..<80, with: header.fileID)
            #expect(throws: BackupError.damaged(.header)) { try opened(bytes + contents) }
        }
    }

    @Test("a header of another file under the same key does not fit")
    func moved() throws {
        let one = try sealedStream([1, 2, 3])
        let two = try sealedStream([1, 2, 3], stanzas: try Self.stanzas())
        let size = try header(two).encoded.count
        #expect(throws: BackupError.damaged(.end)) {
            try opened(Array(two.prefix(size)) + one.dropFirst(BackupHeader.minimumSize))
        }
    }

    @Test("what is no backup is refused as that", arguments: [0, 5, 11, 12, 113, 114, 10_000])
    func noBackup(size: Int) {
        #expect(throws: BackupError.notABackup) { try opened(pattern(size)) }
    }

    @Test("a hostile header is refused: sizes that lie, more stanzas than bytes, bodies past the end")
    func hostile() throws {
        let good = try sealedStream([1], stanzas: [.unknown(type: 9, body: [1, 2, 3, 4])])
        func changed(_ index: Int, _ bytes: [UInt8]) -> [UInt8] {
            var backup = good
            backup.replaceSubrange(index..<index + bytes.count, with: bytes)
            return backup
        }
        for backup in [
            changed(10, [0xFF, 0xFF]), changed(10, [0x20, 0x01]), changed(10, [0, 0]), changed(10, [0, 113]),
            changed(80, [0]), changed(80, [3]), changed(81, [0]), changed(81, [2]), changed(81, [255]),
            changed(84, [0xFF, 0xFF]), changed(84, [0x04, 0x01]), changed(84, [0, 5]), changed(84, [0, 3]),
            changed(82, [0, 1]), changed(82, [0, 2]),
        ] {
            #expect(throws: BackupError.damaged(.header)) { try header(backup) }
        }
    }

    @Test("a header that would be too large is refused when it is written")
    func tooLarge() {
        let large = Stanza.unknown(type: 9, body: [UInt8](repeating: 0, count: 1024))
        let tooLarge = Stanza.unknown(type: 9, body: [UInt8](repeating: 0, count: 1025))
        #expect(throws: Never.self) { try sealedStream([], stanzas: Array(repeating: large, count: 7)) }
        #expect(throws: BackupError.headerTooLarge) { try sealedStream([], stanzas: Array(repeating: large, count: 8)) }
        #expect(throws: BackupError.headerTooLarge) { try sealedStream([], stanzas: [tooLarge]) }
        let empty = Stanza.unknown(type: 9, body: [])
        #expect(throws: BackupError.headerTooLarge) {
            try sealedStream([], stanzas: Array(repeating: empty, count: 256))
        }
    }

    @Test("a vault stanza without a confirmation keeps the type and the bytes that it had before there was one")
    func vaultStanzaOfBefore() throws {
        let (id, hash) = ([UInt8](repeating: 0x11, count: 16), [UInt8](repeating: 0x22, count: 32))
        let old = try #require(Stanza(type: 1, body: id + hash + Array("a".utf8)))
        let stanza = try #require(VaultStanza(account: "a", enrollmentID: id, recipeHash: hash, confirmation: nil))
        #expect(old == .vault(stanza) && old.type == 1 && old.body == id + hash + Array("a".utf8))
        let pinned = try #require(VaultStanza(account: "a", enrollmentID: id, recipeHash: hash, confirmation: hash))
        #expect(Stanza.vault(pinned).type == 3)
        #expect(Stanza(type: 3, body: Stanza.vault(pinned).body) == .vault(pinned))
    }

    @Test("a vault stanza takes values of the right size only")
    func vaultStanza() {
        let id = [UInt8](repeating: 0, count: 16)
        let hash = [UInt8](repeating: 0, count: 32)
        func isTaken(account: String = "a", id: [UInt8]? = nil, hash: [UInt8]? = nil, confirmation: [UInt8]?) -> Bool {
            VaultStanza(
                account: account, enrollmentID: id ?? [UInt8](repeating: 0, count: 16),
                recipeHash: hash ?? [UInt8](repeating: 0, count: 32), confirmation: confirmation) != nil
        }
        for confirmation in [nil, hash] {
            #expect(isTaken(confirmation: confirmation))
            #expect(isTaken(account: String(repeating: "a", count: 255), confirmation: confirmation))
            #expect(!isTaken(account: "", confirmation: confirmation))
            #expect(!isTaken(account: String(repeating: "a", count: 256), confirmation: confirmation))
            #expect(!isTaken(id: hash, confirmation: confirmation))
            #expect(!isTaken(hash: id, confirmation: confirmation))
            let start = id + hash + (confirmation ?? [])
            #expect(VaultStanza(encoded: start, withConfirmation: confirmation != nil) == nil)
            #expect(VaultStanza(encoded: start + [0xFF], withConfirmation: confirmation != nil) == nil)
        }
        #expect(!isTaken(confirmation: id))
    }
}
