import Foundation
import GRDB
import Journal
import Logging
import Synchronization
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultAPI
import VaultTestSupport

@testable import Vault
@testable import VaultClient

@Suite("A vault's journal", .timeLimit(.minutes(3))) struct VaultTests {
    @Test("has a line for each thing that happens, and the chip agrees")
    func lines() async throws {
        try await Party.with { party in
            let served = party.served
            try await party.guess()
            let link = try await party.link()
            var device = try Device(party.alice, in: party.home)
            _ = try await device.grant(2, at: link)
            try await device.forget(at: link)
            await link.close()
            await served.stop()
            let check = try served.check()
            #expect(check.flaws() == [])
            #expect(
                check.records.map(\.line.kind) == [.armed, .guess, .refund, .live, .open, .guess, .grant, .removed])
            #expect(check.records.map(\.line.count) == [0, 1, 1, 1, 1, 2, 2, 2])
            #expect(check.records.map(\.line.ceiling) == [10, 10, 11, 11, 11, 11, 13, 13])
            // What tied the lines to the name is gone, and the chain holds all the same.
            #expect(try served.store.lines(of: party.alice, from: 0, limit: 10) == [])
            #expect(try served.store.number("SELECT count(*) FROM journalAccount") == 0)
        }
    }

    @Test("counts nothing where the chip refuses an evaluation")
    func refused() async throws {
        try await Party.with { party in
            let served = party.served
            for _ in 0..<10 { try await party.guess() }
            for _ in 0..<2 {
                let error = await #expect(throws: VaultClientError.self) { try await party.guess() }
                #expect(error?.reason == .fault(.lockedOut))
            }
            await served.stop()
            let check = try served.check()
            #expect(check.flaws() == [])
            #expect(check.records.count { $0.line.kind == .guess } == 11 && check.records.last?.line.kind == .guess)
        }
    }

    @Test("cut off at any command of certifying it, is gone on with, and no count is left out")
    func cutOff() async throws {
        try await Party.withKilledVault { party, relay, open in
            let served = party.served
            var length = 1
            var point = -1
            while point < length {
                try party.write(.open, of: party.alice)
                relay.begin { [point] command in
                    guard command.number == point else { return .carry }
                    return point.isMultiple(of: 2) ? .loseCommand : .loseAnswer
                }
                // What starts the vault certifies what waits; then it is killed.
                _ = try? await open()
                if point < 0 { length = relay.exchanges.count }
                try await served.start()
                await served.stop()
                #expect(try served.flaws() == [], "cut at command \(point) of \(length)")
                point += 1
            }
            #expect(length > 20)
            #expect(try served.check().head.number == 5 + length + 1)
        }
    }

    @Test("takes back all guesses that a killed vault had written down and not made")
    func cutOffBeforeTheChip() async throws {
        try await Party.with { party in
            let bob = try Account("bob")
            try await party.enroll(bob)
            await party.served.kill()
            for account in [party.alice, bob] { try party.write(.guess, of: account) }
            try await party.served.start()
            await party.served.stop()
            let check = try party.served.check()
            #expect(check.flaws() == [])
            let last = check.records.suffix(4)
            #expect(last.map(\.line.kind) == [.guess, .guess, .cutOff, .cutOff])
            #expect(last.map(\.line.count) == [2, 2, 1, 1])
            #expect(Set(last.suffix(2).map(\.account)).count == 2)
        }
    }

    @Test("knows of the lines that were written while it was being certified")
    func writtenMeanwhile() async throws {
        try await Party.withKilledVault { party, relay, open in
            let hasWritten = Mutex(false)
            relay.begin { command in
                let writes = hasWritten.withLock { hasWritten in
                    guard command.code == CommandCode.nvCertify.rawValue, !hasWritten else { return false }
                    hasWritten = true
                    return true
                }
                if writes { #expect(throws: Never.self) { try party.write(.open, of: party.alice) } }
                return .carry
            }
            let vault = try await open()
            #expect(hasWritten.withLock { $0 })
            #expect(vault.store.uncertified == 1)
            await vault.close()
            #expect(vault.store.uncertified == 0)
        }
    }

    @Test("of a vault that is older than journals begins with what the chip counts")
    func upgrade() async throws {
        try await Party.with { party in
            let served = party.served
            try await party.guess()
            await served.stop()
            // As an earlier version left it.
            try served.edit(
                """
                DROP TABLE journal; DROP TABLE journalAnchor; DROP TABLE journalAccount;
                DELETE FROM grdb_migrations WHERE identifier = '3: journal'
                """)
            try {
                let chip = try Chip(tcti: served.chip.tcti)
                try chip.run(
                    .nvUndefineSpace(CounterProfile.entity(at: try party.counter())), authorizedBy: chip.owner)
            }()
            var configuration = try VaultConfiguration.read(home: served.home)
            (configuration.journalCounter, configuration.journalBegun) = (nil, nil)
            try configuration.write(home: served.home)

            try await served.start()
            try await party.guess()
            await served.stop()
            let check = try served.check()
            #expect(check.flaws() == [])
            #expect(check.records.map(\.line.kind) == [.found, .guess])
            #expect(check.records.map(\.line.count) == [2, 3])
            #expect(check.begun == check.anchors.first?.count)
        }
    }

    @Test("is certified without anybody's waiting: a recovery has no command more")
    func batched() async throws {
        try await Party.with { party in
            let served = party.served
            let before = try served.store.anchors().count
            for _ in 0..<5 { try await party.guess() }
            #expect(try served.store.anchors().count == before)
            await served.stop()
            #expect(try served.store.anchors().count == before + 1)
            #expect(try served.check().uncertified == 0)
        }
    }

    @Test("goes on where another index stands at its counter's place: it is served, and nothing certifies it")
    func foreignCounter() async throws {
        try await Party.with { party in
            let served = party.served
            await served.stop()
            let handle = try party.counter()
            try await served.chip.tpm2("nvundefine", "-C", "o", handle.description)
            try await served.chip.tpm2("nvdefine", "-C", "o", "-s", "8", handle.description)
            try await served.start()
            try await party.guess()
            await served.stop()
            let check = try served.check()
            #expect(check.uncertified == 1)
            let last = try #require(check.anchors.last?.count)
            #expect(check.flaws() == [.chipBehind(certified: last, chip: 0)])
        }
    }
}

extension Party {
    /// The vault is killed; `open` starts one at the same home, behind a relay to the chip.
    fileprivate static func withKilledVault(
        _ body: @Sendable (Party, ChipRelay, _ open: @Sendable () async throws -> Vault) async throws -> Void
    ) async throws {
        try await with { party in
            let served = party.served
            let relay = try ChipRelay(served.chip)
            defer { relay.end() }
            await served.kill()
            try await body(party, relay) {
                var log = Logger(label: "test")
                log.logLevel = .critical
                return try await Vault.open(home: served.home, tcti: relay.tcti, log: log)
            }
        }
    }

    /// A line more, without the vault.
    fileprivate func write(_ act: JournalEntry.Act, of account: Account) throws {
        let store = try served.store
        let record = try #require(try store.enrollments(of: account).first)
        try store.append(JournalEntry(act, of: record, at: Date()))
    }
}

@Suite("The counter of a journal", .timeLimit(.minutes(3))) struct CounterTests {
    @Test("is another one for each vault of a chip, and goes with its own")
    func twoVaults() async throws {
        try await Party.with { party in
            let served = party.served
            await served.stop()
            let other = served.home + "-other"
            let made = try Provision(tcti: served.chip.tcti, ownerAuthorization: []) { _ in }.run(
                home: other, endorsement: nil, measureCapacity: false, allowEmulated: true, properties: [])
            let first = try party.counter().rawValue
            #expect(made.journalCounter == first + 1)
            // Provisioned again, it has the same one.
            let again = try Provision(tcti: served.chip.tcti, ownerAuthorization: []) { _ in }.run(
                home: other, endorsement: nil, measureCapacity: false, allowEmulated: true, properties: [])
            #expect(again.journalCounter == made.journalCounter)
            #expect(try served.flaws() == [])
        }
    }

    @Test("takes nothing but counting, and is never set back")
    func onlyRises() async throws {
        try await Party.with { party in
            await party.served.stop()
            let chip = try Chip(tcti: party.served.chip.tcti)
            let handle = try party.counter()
            let counter = CounterProfile.entity(at: handle)
            let before = try #require(try chip.count(of: handle))
            // TPM_RC_ATTRIBUTES: a counter is not written.
            let zero = [UInt8](repeating: 0, count: 8)
            #expect(try chip.answer(to: .nvWrite(counter, zero, offset: 0), authorizedBy: .password()).base == 0x082)
            try chip.run(.nvUndefineSpace(counter), authorizedBy: chip.owner)
            _ = try JournalCounter(at: handle, on: chip)
            #expect(try chip.count(of: handle) == before + 1)
        }
    }
}
