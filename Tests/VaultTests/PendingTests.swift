import Foundation
import Synchronization
import TPM
import TestSupport
import Testing
import VaultTestSupport
import VaultAPI

@testable import Vault

@Suite("Enrollments that nobody finishes do not fill the chip")
struct PendingTests {
    static let someone = Result { try Account("someone") }

    @Test("a connection has at most four enrollments under way, and others are not hindered")
    func perConnection() async throws {
        try await ServedVault.with { served in
            let client = try await served.connect()
            for number in 1...4 {
                _ = try await client.ask(Reserve(account: Account("a\(number)"), enrollment: .random, replaces: nil))
            }
            let fifth = try Reserve(account: Account("a5"), enrollment: .random, replaces: nil)
            #expect(await client.fault(of: fifth)?.name == VaultFault.enrollmentUnderWay.wireName)
            // One that is begun again is not one more.
            _ = try await client.ask(Reserve(account: Account("a4"), enrollment: .random, replaces: nil))
            #expect(await client.fault(of: fifth)?.name == VaultFault.enrollmentUnderWay.wireName)
            _ = try await served.connect().ask(fifth)
        }
    }

    @Test("an armed enrollment of seven days is taken away while the vault runs")
    func week() async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: Self.someone.get(), on: served) }
            let client = try await served.connect()
            _ = try await client.ask(Reserve(account: Account("other"), enrollment: .random, replaces: nil))
            #expect(try served.state(of: slot.enrollment) == .armed)
            served.advance(days: 8)
            _ = try await client.ask(Reserve(account: Account("another"), enrollment: .random, replaces: nil))
            #expect(try served.state(of: slot.enrollment) == nil)
            #expect(try !served.holds(slot.handle))
        }
    }

    /// The attack: somebody replaces an enrollment of his own again and again, burns none, and fills the chip.
    @Test("of an account's enrollments that were replaced and not burnt the oldest goes where a fifth would come")
    func replaced() async throws {
        try await ServedVault.with { served in
            let account = try Self.someone.get()
            let (live, replaced) = try await served.whileStopped {
                let live = try ArmedSlot(of: account, on: served, state: .live)
                let replaced = try (1...4).map { age in
                    try ArmedSlot(of: account, on: served, state: .replaced, begun: Date() - 1000 * Double(age))
                }
                return (live, replaced)
            }
            let client = try await served.connect()
            _ = try await client.ask(Reserve(account: account, enrollment: .random, replaces: live.enrollment))
            #expect(try served.state(of: replaced[3].enrollment) == nil)
            #expect(try !served.holds(replaced[3].handle))
            for slot in replaced.prefix(3) {
                #expect(try served.state(of: slot.enrollment) == .replaced)
                #expect(try served.holds(slot.handle))
            }
            #expect(try served.state(of: live.enrollment) == .live)
        }
    }

    @Test("where there is no room, armed ones of an hour go, younger and live ones stay")
    func budget() async throws {
        try await ServedVault.with { served in
            let now = Date()
            let (old, young, live) = try await served.whileStopped {
                var configuration = try VaultConfiguration.read(home: served.home)
                configuration.capacity = 3
                try configuration.write(home: served.home)
                return (
                    try ArmedSlot(of: Account("old"), on: served, begun: now - 3700),
                    try ArmedSlot(of: Account("young"), on: served, begun: now - 3000),
                    try ArmedSlot(of: Account("live"), on: served, state: .live, begun: now - 8_640_000)
                )
            }
            let client = try await served.connect()
            _ = try await client.ask(Reserve(account: Self.someone.get(), enrollment: .random, replaces: nil))
            #expect(try served.state(of: old.enrollment) == nil)
            #expect(try !served.holds(old.handle))
            #expect(try served.state(of: young.enrollment) == .armed)
            #expect(try served.state(of: live.enrollment) == .live)
        }
    }

    @Test("when the chip has no room for a slot, armed ones of an hour make way for it")
    func chipFull() async throws {
        try await ServedVault.with { served in
            let old = try await served.whileStopped {
                try ArmedSlot(of: Account("old"), on: served, begun: Date() - 3700)
            }
            let hasRoom = Mutex(false)
            try await served.through { command in
                if command.isA(.nvUndefineSpace) { hasRoom.withLock { $0 = true } }
                return command.isA(.nvDefineSpace) && !hasRoom.withLock { $0 } ? .refuse(0x14B) : .carry
            } _: { relay in
                let client = try await served.connect()
                let (account, id) = (try Self.someone.get(), EnrollmentID.random)
                let slot = try await client.ask(Reserve(account: account, enrollment: id, replaces: nil)).slot
                let device = try PaperDevice(VaultConfiguration.read(home: served.home), slot: Handle(slot))
                _ = try await client.ask(device.define(account, id))
                #expect(try served.state(of: old.enrollment) == nil)
                #expect(relay.count(of: .nvDefineSpace) == 2)
            }
        }
    }

    @Test("what the chip would not let go of is taken away with the next enrollment of anybody")
    func leftBehind() async throws {
        try await ServedVault.with { served in
            let isStuck = Mutex(true)
            try await served.through { command in
                // TPM_RC_NV_UNAVAILABLE.
                command.isA(.nvUndefineSpace) && isStuck.withLock { $0 } ? .refuse(0x923) : .carry
            } _: { _ in
                let client = try await served.connect()
                let (account, id) = (try Self.someone.get(), EnrollmentID.random)
                let slot = try await client.ask(Reserve(account: account, enrollment: id, replaces: nil)).slot
                let device = try PaperDevice(VaultConfiguration.read(home: served.home), slot: Handle(slot))
                _ = try await client.ask(device.define(account, id))
                // Begun again, the first attempt should make way.
                let again = Reserve(account: account, enrollment: .random, replaces: nil)
                #expect(await client.fault(of: again)?.name == VaultFault.chipUnavailable.wireName)
                #expect(try served.state(of: id) == .removing)
                isStuck.withLock { $0 = false }
                let other = try Reserve(account: Account("other"), enrollment: .random, replaces: nil)
                _ = try await served.connect().ask(other)
                #expect(try served.state(of: id) == nil)
                #expect(try !served.holds(Handle(slot)))
            }
        }
    }

    @Test("defining slots is counted against the account's day, whatever the enrollment")
    func day() async throws {
        try await ServedVault.with(writesPerDay: 2) { served in
            let client = try await served.connect()
            func define(_ account: Account) async throws -> String? {
                let id = EnrollmentID.random
                let slot = try await client.ask(Reserve(account: account, enrollment: id, replaces: nil)).slot
                let device = try PaperDevice(VaultConfiguration.read(home: served.home), slot: Handle(slot))
                return await client.fault(of: device.define(account, id)).map { "\($0.name) \($0.guess)" }
            }
            let account = try Self.someone.get()
            #expect(try await define(account) == nil)
            #expect(try await define(account) == nil)
            #expect(try await define(account) == "\(VaultFault.tooManyToday.wireName) notSpent")
            #expect(try await define(Account("other")) == nil)
            served.advance(days: 1)
            #expect(try await define(account) == nil)
        }
    }

    @Test("a new enrollment does not give an account a new day's evaluations")
    func evaluations() async throws {
        try await ServedVault.with(writesPerDay: 2) { served in
            let account = try Self.someone.get()
            let slots = try await served.whileStopped {
                (
                    try ArmedSlot(of: account, on: served, state: .live), try ArmedSlot(of: account, on: served)
                )
            }
            let client = try await served.connect()
            func evaluate(_ slot: ArmedSlot) async -> String? {
                await client.fault(
                    of: Evaluate(account: account, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded))?.name
            }
            #expect(await evaluate(slots.0) == nil)
            #expect(await evaluate(slots.1) == nil)
            // The same again would cost nothing, so another point.
            let other = Evaluate(
                account: account, enrollment: slots.1.enrollment,
                blinded: Bytes([0x02] + PaperDevice.someBlinded.bytes.dropFirst()))
            #expect(await client.fault(of: other)?.name == VaultFault.tooManyToday.wireName)
        }
    }
}
