import Foundation
import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

@Suite struct DeviceStateTests {
    /// A home of one test's own.
    static func withHome<R>(_ body: (DeviceHome) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tenpin-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(DeviceHome(folder.path))
    }

    static func full() throws -> DeviceState {
        var state = DeviceState(account: try Fixture.account())
        state.key = GenerationKey(generation: 3, key: shared(0xA1))
        state.olderKeys = [
            GenerationKey(generation: 1, key: shared(0xA2)), GenerationKey(generation: 2, key: shared(0xA3)),
        ]
        state.enrollment = .init(
            recipe: try Fixture.recipe(), confirmation: Bytes([9, 9]), limitSeed: shared(0xA4))
        state.digits = shared(0xA5)
        let object = SealedObject(publicArea: Bytes([1]), duplicate: Bytes([2]), encryptedSeed: Bytes([3]))
        var next = try Fixture.recipe()
        next.enrollment = try #require(EnrollmentID([UInt8](repeating: 0x5A, count: 16)))
        let riding = try BundleTests.riding(keys: 2, tickets: 1)
        let share = PendingEnrollment.Share(
            commit: Commit(
                recipe: next, confirmation: Bytes([4]), openKey: Bytes([5]), bundle: object,
                olderKeys: Bytes([6])), bundle: [7], openKey: shared(0xA6), tickets: riding.tickets)
        state.pending = PendingEnrollment(
            recipe: next, shares: [share], backupKey: shared(0xA7), limitSeed: shared(0xA8), older: riding.older)
        state.toBurn = try BundleTests.riding(keys: 0, tickets: 2).tickets
        state.toBurn[1].isBurnt = true
        state.toBurn[0].isGoneByClaim = true
        state.keyIsBehindPassword = true
        state.exposedLimit = 7
        return state
    }

    @Test("everything kept comes back, each secret in its place")
    func roundTrip() throws {
        try Self.withHome { home in
            let state = try Self.full()
            let folder = try AccountFolder(state.account, in: home)
            #expect(try folder.load().key == nil)
            try folder.save(state)
            let back = try folder.load()
            #expect(back.key?.generation == 3 && holds(back.key?.key, 0xA1))
            #expect(back.olderKeys.map(\.generation) == [1, 2])
            #expect(holds(back.olderKeys[0].key, 0xA2) && holds(back.olderKeys[1].key, 0xA3))
            #expect(back.enrollment?.recipe == state.enrollment?.recipe && holds(back.enrollment?.limitSeed, 0xA4))
            #expect(back.enrollment?.pin == state.enrollment?.pin && back.enrollment?.confirmation == Bytes([9, 9]))
            #expect(holds(back.digits, 0xA5))
            #expect(back.pending?.recipe == state.pending?.recipe)
            let share = try #require(back.pending?.shares.first)
            #expect(share.bundle == [7] && !share.isLive)
            #expect(share.commit.confirmation == Bytes([4]) && share.commit.olderKeys == Bytes([6]))
            #expect(holds(share.openKey, 0xA6) && holds(back.pending?.backupKey, 0xA7))
            #expect(holds(back.pending?.limitSeed, 0xA8))
            #expect(back.pending?.older.count == 2 && holds(back.pending?.older[1].key, 1))
            #expect(holds(share.tickets.first?.limitSeed, 0x80))
            #expect(back.keyIsBehindPassword && back.exposedLimit == 7)
            #expect(back.toBurn.map(\.isGoneByClaim) == [true, false])
            #expect(back.toBurn.map(\.isBurnt) == [false, true] && holds(back.toBurn[1].limitSeed, 0x81))
        }
    }

    @Test("no secret stands among the public facts, and every one stands behind them")
    func secretsApart() throws {
        let bytes = try Self.full().encoded().published
        let size = bytes[16..<20].reduce(0) { $0 << 8 | Int($1) }
        let json = bytes[20..<20 + size]
        let text = String(decoding: json, as: UTF8.self)
        for byte in [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0x80, 0x81] as [UInt8] {
            let secret = [UInt8](repeating: byte, count: 32)
            #expect(!text.contains(Data(secret).base64EncodedString()) && !text.contains(hex(secret)))
            #expect(bytes[(20 + size)...].firstRange(of: secret) != nil)
        }
    }

    @Test("a file with any byte changed, cut short or extended is refused")
    func damage() throws {
        let bytes = try Self.full().encoded().published
        func error(_ bytes: [UInt8]) -> DeviceStateError? {
            do throws(DeviceStateError) {
                _ = try DeviceState(decoding: secret(bytes), path: "state")
                return nil
            } catch {
                return error
            }
        }
        #expect(error(bytes) == nil)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x20
            #expect(error(changed) != nil, "byte \(index)")
        }
        for size in [0, 15, 16, 51, 52, bytes.count - 32, bytes.count - 1] {
            #expect(error(Array(bytes.prefix(size))) == .damaged("state"))
        }
        #expect(error(bytes + [0]) == .damaged("state"))
        var later = bytes
        later[14] = UInt8(ascii: "2")
        #expect(error(later) == .laterVersion("state"))
    }

    @Test("a damaged file is left as it is, and stops what would overwrite it")
    func damagedStays() throws {
        try Self.withHome { home in
            let account = try Fixture.account()
            let path = home.folder(of: account) + "/state"
            do {
                let folder = try AccountFolder(account, in: home)
                try folder.save(DeviceState(account: account))
            }
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[30] ^= 1
            try bytes.write(to: URL(filePath: path))
            #expect(throws: DeviceStateError.damaged(path)) { _ = try Device(account, in: home) }
            #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
        }
    }

    @Test("a write that fails leaves the old contents")
    func failedWrite() throws {
        try Self.withHome { home in
            let account = try Fixture.account()
            let folder = try AccountFolder(account, in: home)
            var state = DeviceState(account: account)
            state.digits = shared(1)
            try folder.save(state)
            // Something in the way of the new contents.
            let obstacle = home.folder(of: account) + "/state.new"
            try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
            state.digits = shared(2)
            #expect(throws: DeviceStateError.self) { try folder.save(state) }
            #expect(holds(try folder.load().digits, 1))
        }
    }

    @Test("what an interrupted write left behind does not stop the next one")
    func interruptedWrite() throws {
        try Self.withHome { home in
            let account = try Fixture.account()
            let folder = try AccountFolder(account, in: home)
            let left = home.folder(of: account) + "/state.new"
            try Data("half".utf8).write(to: URL(filePath: left))
            try folder.save(DeviceState(account: account))
            #expect(!FileManager.default.fileExists(atPath: left))
            #expect(try folder.load().account == account)
        }
    }

    @Test("one process at a time works on an account")
    func lock() throws {
        try Self.withHome { home in
            let account = try Fixture.account()
            let first = try Device(account, in: home)
            #expect(throws: DeviceStateError.inUse) { _ = try Device(account, in: home) }
            _ = try Device(Account("bob"), in: home)
            _ = consume first
            _ = try Device(account, in: home)
        }
    }

    @Test("files are the owner's alone, and a file that others can read is refused")
    func permissions() throws {
        try Self.withHome { home in
            let account = try Account("../../etc/passwd")
            let folder = try AccountFolder(account, in: home)
            try folder.save(DeviceState(account: account))
            let path = home.folder(of: account) + "/state"
            func mode(_ path: String) throws -> Int {
                try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
            }
            #expect(try mode(path) == 0o600)
            #expect(try mode(home.folder(of: account)) == 0o700)
            #expect(home.folder(of: account).hasPrefix(home.path + "/accounts/"))
            #expect(!home.folder(of: account).contains("passwd"))
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
            #expect(throws: DeviceStateError.readableByOthers(path)) { _ = try folder.load() }
        }
    }

    @Test("another account's file is refused")
    func otherAccount() throws {
        try Self.withHome { home in
            let folder = try AccountFolder(Fixture.account(), in: home)
            try folder.save(DeviceState(account: try Account("bob")))
            #expect(throws: DeviceStateError.otherAccount(home.folder(of: try Fixture.account()) + "/state")) {
                _ = try folder.load()
            }
        }
    }

    @Test("a finished change makes the old key an older one and the old slot one to burn")
    func settle() throws {
        var state = try Self.full()
        let pending = try #require(state.pending)
        state.settle(pending)
        #expect(state.pending == nil)
        #expect(holds(state.key?.key, 0xA7))
        #expect(holds(state.enrollment?.limitSeed, 0xA8))
        #expect(holds(state.toBurn.last?.limitSeed, 0xA4))
        #expect(state.toBurn.count == 3)
    }
}
