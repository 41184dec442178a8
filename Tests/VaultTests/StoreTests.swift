import Foundation
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import Vault

@Suite("The store on the disk")
struct StoreTests {
    /// Whether any file of the store holds these bytes.
    private static func holds(_ text: String, in folder: URL) throws -> Bool {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.filter { $0.lastPathComponent.hasPrefix("store") }.contains { file in
            let contents = try Data(contentsOf: file)
            return contents.firstRange(of: Data(text.utf8)) != nil
        }
    }

    @Test("what was erased is in no file of the store any more, its log included")
    func erased() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = try Store(path: folder.appending(path: "store").path())
        let account = try Account("somebody-who-leaves")
        var record = EnrollmentRecord(
            id: .random, account: account, replaces: nil, slot: Handle(Handle.slots.lowerBound), now: .now)
        try store.insert(record)
        for number in UInt32(1)...5 {
            record.limit = number
            try store.update(record, outliving: number % 2 == 0 ? .program : .powerCut)
        }
        #expect(try Self.holds(account.id, in: folder))
        try store.delete(record, at: Date())
        #expect(try store.enrollments().isEmpty)
        #expect(try Self.holds(account.id, in: folder) == false)
    }

    @Test("writes of other days are forgotten, and a day's limit holds")
    func days() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = try Store(path: folder.appending(path: "store").path())
        let account = try Account("alice")
        for day: Int64 in [20_000, 20_001, 20_000] {
            for number in 0..<3 {
                let isCounted = try store.countWrite(.guess, for: account, on: day, limit: 2)
                #expect(isCounted == (number < 2), "\(day)")
            }
        }
    }

    private static func record() throws -> EnrollmentRecord {
        EnrollmentRecord(
            id: .random, account: try Account("alice"), replaces: nil, slot: Handle(Handle.slots.lowerBound), now: .now)
    }

    @Test("a store that is served has a log that need not grow, also after it was emptied")
    func logSize() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "store").path()
        func size() throws -> Int {
            try #require(FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int)
        }
        let store = try Store(path: path)
        let record = try Self.record()
        try store.insert(record)
        try store.prepareForManyWrites()
        #expect(try size() == LogFile.size)
        try store.append(JournalEntry(.live, of: record, at: Date()))
        #expect(try size() == LogFile.size)
        // What is behind the zeros is still read by who opens it next.
        #expect(try Store(path: path).journal().count == 1)
        try store.delete(record, at: Date())
        #expect(try size() == LogFile.size)
        #expect(try Store(path: path).enrollments().isEmpty)
    }

    @Test("when the disk did not take a change it is not durable, and the next change is made when the log begins anew")
    func failedDisk() async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = folder.appending(path: "store-wal")
        let store = try Store(path: folder.appending(path: "store").path())
        let record = try Self.record()
        try store.insert(record)
        #expect(await store.isDurable)
        try FileManager.default.moveItem(at: log, to: folder.appending(path: "away"))
        try store.append(JournalEntry(.live, of: record, at: Date()), outliving: .program)
        #expect(await store.isDurable == false)
        try FileManager.default.moveItem(at: folder.appending(path: "away"), to: log)
        // A wait that would succeed now says nothing of what was lost.
        #expect(await store.isDurable == false)
        try store.append(JournalEntry(.open, of: record, at: Date()), outliving: .program)
        #expect(await store.isDurable)
        #expect(try store.journal().count == 2)
    }

    /// The kernel tells each open file once of what the disk did not take, and a file that is opened later of nothing.
    @Test("the files through which the disk is waited for are open from the beginning on, whatever becomes of the log")
    func sameFiles() async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "store").path()
        let store = try Store(path: path)
        func descriptors() throws -> [String] {
            let all = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
            return all.filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path + "-wal"
            }.sorted()
        }
        let first = try descriptors()
        // SQLite's own, one for those who wait, one for those who are about to write.
        #expect(first.count == 3)
        try store.prepareForManyWrites()
        let record = try Self.record()
        try store.insert(record)
        #expect(await store.isDurable)
        try store.delete(record, at: Date())
        #expect(await store.isDurable)
        #expect(try descriptors() == first)
    }
}

extension Store {
    fileprivate var isDurable: Bool {
        get async { await withCheckedContinuation { done in whenDurable { done.resume(returning: $0) } } }
    }
}
