import Crypto
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultAPI
import VaultTestSupport

@testable import Vault

@Suite("Sessions that stay in the chip")
struct LoadedSessionTests {
    /// A table that leaves two in the chip, and how often the chip saved or loaded one.
    private static func with(
        _ body: (ChipRelay, Chip, inout SessionTable) throws -> Void
    ) async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let relay = try ChipRelay(swtpm)
            defer { relay.end() }
            let chip = try Chip(tcti: relay.tcti)
            var table = SessionTable(places: SessionTable.placesOnOwnChip)
            try body(relay, chip, &table)
        }
    }

    private static func add(_ connection: UInt64, to table: inout SessionTable, on chip: Chip) throws -> Int {
        table.makeRoom(on: chip)
        return try table.add(
            chip.startSession(.policy), owner: ConnectionID(connection), purpose: .challenge, on: chip, at: .now)
    }

    private static func use(
        _ number: Int, of connection: UInt64, _ table: inout SessionTable, on chip: Chip, goesOn: Bool = true
    ) throws -> Bool {
        try table.use(number, owner: ConnectionID(connection), purpose: .challenge, on: chip) {
            (handle) throws(ChipError) in
            // With the vault's own session the chip is full.
            let own = try chip.startSession(.policy).handle
            try chip.run(.policyGetDigest(handle))
            try chip.flush(own)
            return (true, goesOn: goesOn)
        } ?? false
    }

    @Test("a device alone has its session neither saved nor loaded")
    func alone() async throws {
        try await Self.with { relay, chip, table in
            let session = try Self.add(1, to: &table, on: chip)
            for _ in 0..<3 { #expect(try Self.use(session, of: 1, &table, on: chip)) }
            #expect(relay.count(of: .contextSave) == 0)
            #expect(relay.count(of: .contextLoad) == 0)
        }
    }

    @Test(
        "two devices by turns have theirs neither saved nor loaded, and of three the one that was used least lately is saved"
    )
    func turns() async throws {
        try await Self.with { relay, chip, table in
            var sessions = try (1...2).map { (connection: $0, number: try Self.add($0, to: &table, on: chip)) }
            func useEachTwice() throws {
                for session in sessions + sessions {
                    #expect(try Self.use(session.number, of: session.connection, &table, on: chip))
                }
            }
            try useEachTwice()
            #expect(relay.count(of: .contextSave) == 0 && relay.count(of: .contextLoad) == 0)
            #expect(!table.displaces(ConnectionID(1), startsSession: false))
            #expect(table.displaces(ConnectionID(3), startsSession: true))

            sessions.append((3, try Self.add(3, to: &table, on: chip)))
            #expect(relay.count(of: .contextSave) == 1 && relay.count(of: .contextLoad) == 0)
            #expect(table.displaces(ConnectionID(1), startsSession: false))
            #expect(!table.displaces(ConnectionID(2), startsSession: false))
            try useEachTwice()
            #expect(relay.count(of: .contextSave) == 7 && relay.count(of: .contextLoad) == 6)
            for session in sessions { table.end(ConnectionID(session.connection), on: chip) }
            #expect(try chip.handles(from: 0x0300_0000).isEmpty)
            #expect(try chip.handles(from: 0x0200_0000).isEmpty)
            #expect(!table.displaces(ConnectionID(3), startsSession: true))
        }
    }

    @Test("one that somebody else flushed is gone for its device, and takes nothing with it")
    func flushed() async throws {
        try await Self.with { _, chip, table in
            let first = try Self.add(1, to: &table, on: chip)
            for handle in try chip.handles(from: 0x0200_0000) { try chip.flush(handle) }
            let isThere = try table.use(first, owner: ConnectionID(1), purpose: .challenge, on: chip) {
                (handle) throws(ChipError) in
                try chip.run(.policyGetDigest(handle))
                return (true, goesOn: true)
            }
            #expect(isThere == nil)
            let second = try Self.add(1, to: &table, on: chip)
            #expect(try Self.use(second, of: 1, &table, on: chip))
            #expect(try chip.handles(from: 0x0200_0000).count == 1)
        }
    }

    @Test("one whose handle another session has got, since somebody else flushed it, is gone for its device")
    func reused() async throws {
        try await Self.with { _, chip, table in
            let first = try Self.add(1, to: &table, on: chip)
            for handle in try chip.handles(from: 0x0200_0000) { try chip.flush(handle) }
            let second = try Self.add(2, to: &table, on: chip)
            #expect(try Self.use(first, of: 1, &table, on: chip) == false)
            #expect(try Self.use(second, of: 2, &table, on: chip))
            #expect(try chip.handles(from: 0x0200_0000).count == 1)
        }
    }

    @Test("the vault's own that somebody else flushed is made anew, and no guess is counted twice")
    func own() async throws {
        try await ServedVault.relayed { _, slot, relay, client in
            for number in UInt32(1)...4 {
                let point = P256.KeyAgreement.PrivateKey().publicKey.compressedRepresentation
                let reply = try await client.ask(
                    Evaluate(
                        account: slot.account, enrollment: slot.enrollment, blinded: Bytes(Array(point))))
                #expect(reply.guessesLeft == PaperDevice.limit - number)
                #expect(relay.count(of: .policyNV) == Int(number))
                try relay.flushSessions()
            }
        }
    }

    @Test("one that cannot be saved is ended, and takes no place from the one that comes")
    func unsaved() async throws {
        try await Self.with { relay, chip, table in
            let first = try Self.add(1, to: &table, on: chip)
            let second = try Self.add(2, to: &table, on: chip)
            relay.begin { $0.isA(.contextSave) ? .refuse(0x904) : .carry }
            let third = try Self.add(3, to: &table, on: chip)
            #expect(try Self.use(first, of: 1, &table, on: chip) == false)
            #expect(try Self.use(second, of: 2, &table, on: chip))
            #expect(try Self.use(third, of: 3, &table, on: chip))
            #expect(try chip.handles(from: 0x0200_0000).count == 2)
        }
    }

    @Test("one that has fallen behind is saved anew though the chip is full")
    func renewed() async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let relay = try ChipRelay(swtpm)
            defer { relay.end() }
            let chip = try Chip(tcti: relay.tcti)
            relay.begin()
            var table = SessionTable(places: SessionTable.placesOnOwnChip, largestGap: 40)
            let sessions = try (1...3).map { (connection: $0, number: try Self.add($0, to: &table, on: chip)) }
            // Two that displace each other, while the first lies.
            for _ in 0..<20 {
                for session in sessions.suffix(2) {
                    #expect(try Self.use(session.number, of: session.connection, &table, on: chip))
                }
                let other = try Self.add(4, to: &table, on: chip)
                table.end(other, owner: ConnectionID(4), on: chip)
            }
            #expect(relay.exchanges.allSatisfy { $0.responseCode == 0 })
            #expect(try Self.use(sessions[0].number, of: 1, &table, on: chip))
        }
    }
}
