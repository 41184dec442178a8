import Foundation
import Synchronization
import TPM
import TPMDevice
import TestSupport
import Testing

@testable import Vault

@Suite("Sessions kept for devices")
struct SessionTableTests {
    @Test("a session that cannot be saved is flushed, not left on the chip")
    func leak() async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let relay = try ChipRelay(swtpm) { $0.isA(.contextSave) ? .refuse(0x101) : .carry }
            defer { relay.end() }
            let chip = try Chip(tcti: relay.tcti)
            var table = SessionTable()
            let session = try chip.startSession(.policy)
            #expect(throws: ChipError.refused(.contextSave, .failure)) {
                try table.add(
                    session, owner: ConnectionID(1), purpose: .challenge, on: chip, at: .now)
            }
            #expect(try chip.handles(from: 0x0200_0000).isEmpty)
        }
    }

    @Test("when there is no room, a connection with many sessions loses one, not the one with the oldest")
    func eviction() async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let chip = try Chip(tcti: swtpm.tcti)
            var table = SessionTable()
            func add(_ connection: UInt64) throws -> Int {
                let session = try chip.startSession(.policy)
                return try table.add(
                    session, owner: ConnectionID(connection), purpose: .challenge, on: chip, at: .now)
            }
            let first = try add(1)
            for number in 0..<UInt64(SessionTable.capacity + 10) {
                _ = try add(2 + number / UInt64(SessionTable.perConnection))
            }
            let isThere = try table.use(first, owner: ConnectionID(1), purpose: .challenge, on: chip) { _ in
                (true, goesOn: false)
            }
            #expect(isThere == true)
        }
    }

    @Test("what a killed vault saved out of a shared chip is ended by the next one, and nothing of anybody else's")
    func leftBehind() async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let home = swtpm.folder.path(percentEncoded: false)
            let chip = try Chip(tcti: swtpm.tcti)
            let foreign = try chip.startSession(.policy)
            let foreignContext = try chip.run(.contextSave(foreign.handle)).parameters
            var killed = SessionTable(kept: SavedSessions(home: home))
            var numbers: [Int] = []
            for _ in 0..<3 {
                let session = try chip.startSession(.policy)
                numbers.append(
                    try killed.add(
                        session, owner: ConnectionID(1), purpose: .challenge, on: chip, at: .now))
            }
            // One is used up, and one goes on with another context than it began with.
            for (number, goesOn) in zip(numbers, [false, true]) {
                _ = try killed.use(number, owner: ConnectionID(1), purpose: .challenge, on: chip) {
                    (handle) throws(ChipError) in
                    if !goesOn { try chip.flush(handle) }
                    return ((), goesOn: goesOn)
                }
            }
            #expect(try chip.handles(from: 0x0300_0000).count == 3)

            SavedSessions(home: home).endAll(on: chip)
            // The chip lists what is saved by its number; of which kind it is, the first byte does not say.
            let left = try chip.handles(from: 0x0300_0000).map { $0.rawValue & 0xFF_FFFF }
            #expect(left == [foreign.handle.rawValue & 0xFF_FFFF])
            #expect(try FileManager.default.contentsOfDirectory(atPath: home + "/sessions").isEmpty)
            try chip.run(.contextLoad(foreignContext))
            try chip.flush(foreign.handle)
        }
    }

    @Test("a session that lies about while others go on is saved anew before it keeps the chip from saving")
    func gap() async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let loads = Mutex(0)
            let relay = try ChipRelay(swtpm) { command in
                if command.isA(.contextLoad) { loads.withLock { $0 += 1 } }
                return .carry
            }
            defer { relay.end() }
            let chip = try Chip(tcti: relay.tcti)
            var table = SessionTable(largestGap: 40)
            func add(_ connection: UInt64) throws -> Int {
                let session = try chip.startSession(.policy)
                return try table.add(
                    session, owner: ConnectionID(connection), purpose: .challenge, on: chip, at: .now)
            }
            let lying = try add(1)
            let busy = try add(2)
            for _ in 0..<100 {
                _ = try table.use(busy, owner: ConnectionID(2), purpose: .challenge, on: chip) { _ in
                    ((), goesOn: true)
                }
            }
            // 100 for the busy one; the other fell behind by more than ten again and again.
            #expect((105...115).contains(loads.withLock { $0 }))
            let isThere = try table.use(lying, owner: ConnectionID(1), purpose: .challenge, on: chip) { _ in
                (true, goesOn: false)
            }
            #expect(isThere == true)
        }
    }
}
