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
                    session.handle, owner: ConnectionID(1), purpose: .challenge, on: chip, at: .now)
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
                    session.handle, owner: ConnectionID(connection), purpose: .challenge, on: chip, at: .now)
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
}
