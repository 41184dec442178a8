import DeviceTestSupport
import Foundation
import Synchronization
import TPM
import TPMDevice
import Testing
import VaultAPI

@testable import Vault
@testable import VaultClient

/// What a vault refuses for want of room or time, and what that costs: nothing.
@Suite struct CapacityTests {
    @Test("after the day's evaluations an account waits for the next day, and no guess is spent meanwhile")
    func daily() async throws {
        try await World.with(writesPerDay: 5) { world in
            let (alice, bob) = (try account("alice"), try account("bob"))
            let key = try await world.enroll(alice, "a password").key()
            for left in [9, 8] as [UInt32] {
                #expect(try await world.recover(alice, "wrong") == .wrongPassword(guessesLeft: left))
            }
            for typed in ["wrong", "a password"] {
                #expect(
                    try await failure { _ = try await world.recover(alice, typed) }
                        == .fault(.tooManyToday))
            }
            #expect(VaultFault.tooManyToday.guess == .notSpent)
            #expect(try await world.independentCount(alice) == SlotCount(count: 3, ceiling: 11))
            // Another account is not concerned.
            _ = try await world.enroll(bob, "a password")

            world.served.advance(days: 1)
            #expect(try await world.recover(alice, "a password") == .recovered(key))
        }
    }

    @Test("while one device enrolls an account another is told to wait, and then that the account exists")
    func underWay() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let second = Mutex<VaultClientError?>(nil)
            let courier = try world.courier()
            let link = try await world.link(courier)
            courier.begin { call in
                if call.method == Define.name {
                    let error = try? await failure { _ = try await world.enroll(alice, "another password") }
                    second.withLock { $0 = error ?? nil }
                }
                return .carry
            }
            var device = try world.device(alice)
            try await device.enroll(at: link, password: password("a password"), choice: .floor())
            await link.close()
            #expect(second.withLock { $0 } == .fault(.enrollmentUnderWay))
            #expect(
                try await failure { _ = try await world.enroll(alice, "another password") } == .fault(.accountExists))
            #expect(try await world.recover(alice, "a password") == .recovered(device.key()))
            let inventory = try await world.inventory()
            #expect(inventory.only(of: alice)?.state == "live")
            #expect(inventory.agrees)
        }
    }

    @Test("a full chip refuses the next account, leaks nothing, and has room again when something goes")
    func full() async throws {
        try await World.with { world in
            let (alice, bob) = (try account("alice"), try account("bob"))
            var device = try await world.enroll(alice, "a password")
            let fillers = try await world.served.whileStopped { try Self.fill(world.served.chip.tcti) }
            #expect(fillers > 0)
            #expect(try await failure { _ = try await world.enroll(bob, "a password") } == .fault(.full))
            let full = try await world.inventory()
            #expect(full.rows.map(\.account) == ["alice"])
            #expect(full.transientObjects == 0 && full.sessions == 0)
            #expect(full.slots.count == 1 + Self.count(of: full.slots, from: Self.fillers))

            // Those who are there are served.
            let key = try device.key()
            #expect(try await world.recover(alice, "a password") == .recovered(key))
            let link = try await world.link()
            try await device.forget(at: link)
            await link.close()
            let next = try await world.enroll(bob, "a password")
            #expect(try await world.recover(bob, "a password") == .recovered(next.key()))
        }
    }

    /// Handles that no account gets.
    private static let fillers: UInt32 = 0x01BF_F000

    private static func count(of slots: Set<UInt32>, from first: UInt32) -> Int { slots.filter { $0 >= first }.count }

    /// Defines indexes, large and then small, until the chip has no room for a slot; gives how many.
    private static func fill(_ tcti: String) throws -> Int {
        let chip = try Chip(tcti: tcti)
        var next = fillers
        for size in [2048, 512, 64, 8] as [UInt16] {
            while true {
                let area = NVPublic(
                    index: Handle(next), nameAlgorithm: .sha256, attributes: [.policyWrite, .authRead, .noDA],
                    authPolicy: [UInt8](repeating: 1, count: 32), dataSize: size)
                do throws(ChipError) {
                    try chip.run(.nvDefineSpace(area), authorizedBy: chip.owner)
                } catch {
                    guard error.responseCode == .nvSpace else { throw error }
                    break
                }
                next += 1
            }
        }
        return Int(next - fillers)
    }
}
