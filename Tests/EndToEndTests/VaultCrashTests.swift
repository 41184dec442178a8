import DeviceTestSupport
import Foundation
import Secrets
import Synchronization
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultAPI
import VaultTestSupport

@testable import Vault
@testable import VaultClient

/// A vault that dies between any two messages, and an owner who meddles with the chip while it is away.
@Suite struct VaultCrashTests {
    private static func store(_ served: ServedVault) throws -> Store {
        try Store(path: VaultConfiguration.storePath(home: served.home))
    }

    @Test(
        "killed after each message of an enrollment, the vault removes what is half made and keeps what is armed or live"
    )
    func enroll() async throws {
        try await World.with { world in
            let served = world.served
            let length = try await RetriedEnrollmentTests.length(world)
            var seen: Set<EnrollmentRecord.State> = []
            for number in 0..<length {
                let person = try account("person \(number)")
                let courier = try world.courier()
                let link = try await world.link(courier)
                courier.begin { call in
                    call.number == number
                        ? .loseReplyAfter {
                            await served.kill()
                            courier.die()
                        } : .carry
                }
                var device = try world.device(person)
                let error = try await failure {
                    try await device.enroll(at: link, password: password("a password"), choice: .floor())
                }
                #expect(error != nil)
                await link.close()

                let before = try Self.store(served).enrollments(of: person)
                #expect(before.count <= 1)
                if let state = before.first?.state { seen.insert(state) }
                try await served.start()
                let after = try await world.inventory()
                #expect(after.agrees, "message \(number)")
                let left = after.rows.filter { $0.account == person.id }.map(\.state)
                switch before.first?.state {
                case .armed, .live: #expect(left == [before.first?.state.rawValue ?? ""], "message \(number)")
                default: #expect(left.isEmpty, "message \(number)")
                }
                // The device's last step, repeated at the vault that came back.
                if device.state.pending != nil {
                    let again = try await world.link()
                    try await device.finish(at: again)
                    await again.close()
                    #expect(try await world.recover(person, "a password") == .recovered(device.key()))
                }
            }
            #expect(seen == [.reserved, .defined, .armed, .live])
            // Sessions that the killed vaults left on the chip are gone with the next start.
            let inventory = try await world.inventory()
            #expect(inventory.sessions == 0 && inventory.transientObjects == 0)
        }
    }

    /// Where a stop in the middle of one message leaves store and chip.
    enum Middle: CaseIterable, Sendable {
        /// Define: the row is written, the slot is not made yet.
        case definedWithoutSlot
        /// The first write: the chip has done it, the row does not say so yet.
        case writtenButDefined
        /// Forget: the row says so, the slot is still there.
        case removingWithSlot
        /// Forget: the slot is gone, the row is not.
        case removingWithoutSlot
    }

    @Test("killed in the middle of a message, the vault leaves neither slot nor row", arguments: Middle.allCases)
    func middle(_ middle: Middle) async throws {
        try await World.with { world in
            let alice = try account("alice")
            _ = try await world.enroll(alice, "a password")
            let served = world.served
            try await served.whileStopped {
                let store = try Self.store(served)
                guard var record = try store.enrollments(of: alice).first else { throw Missing.row }
                record.state = middle == .definedWithoutSlot || middle == .writtenButDefined ? .defined : .removing
                try store.update(record)
                if middle == .definedWithoutSlot || middle == .removingWithoutSlot {
                    try await served.chip.tpm2("nvundefine", "-C", "o", record.handle.description)
                }
            }
            let inventory = try await world.inventory()
            #expect(inventory.rows.isEmpty && inventory.slots.isEmpty)
            _ = try await world.enroll(alice, "another password")
        }
    }

    @Test("a slot that cannot be taken off the chip keeps its own row, and nobody else from enrolling")
    func strangersIndex() async throws {
        try await World.with { world in
            let served = world.served
            let (alice, bob) = (try account("alice"), try account("bob"))
            _ = try await world.enroll(alice, "a password")
            try await served.whileStopped {
                let store = try Self.store(served)
                guard var record = try store.enrollments(of: alice).first else { throw Missing.row }
                record.state = .removing
                try store.update(record)
                try await served.chip.tpm2("nvundefine", "-C", "o", record.handle.description)
                try await served.chip.tpm2("nvdefine", "-C", "o", "-s", "8", record.handle.description)
            }
            let key = try await world.enroll(bob, "a password").key()
            #expect(try await world.recover(bob, "a password") == .recovered(key))
            #expect(try await world.inventory().only(of: alice)?.state == "removing")
        }
    }

    @Test("an armed enrollment waits a week for its last step, and no longer")
    func armed() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let courier = try world.courier()
            let link = try await world.link(courier)
            courier.begin { $0.method == Commit.name ? .loseCall : .carry }
            var device = try world.device(alice)
            let error = try await failure {
                try await device.enroll(at: link, password: password("a password"), choice: .floor())
            }
            #expect(error?.reason == .exposed(limit: 10, by: .noReply))
            // Each look restarts the vault, which shows at the next one.
            world.served.advance(days: 6)
            #expect(try await world.inventory().only(of: alice)?.state == "armed")
            #expect(try await world.inventory().only(of: alice)?.state == "armed")
            world.served.advance(days: 2)
            _ = try await world.inventory()
            let gone = try await world.inventory()
            #expect(gone.rows.isEmpty && gone.slots.isEmpty)

            // The device is told, says how far the password is exposed, and may begin anew.
            courier.begin()
            let refused = try await failure { try await device.finish(at: link) }
            #expect(refused?.reason == .exposed(limit: 10, by: .refused(.unknownAccount)))
            let asked = try await failure {
                try await device.enroll(at: link, password: password("another password"), choice: .floor())
            }
            #expect(asked?.reason == .exposedBefore(limit: 10))
            try await device.enroll(
                at: link, password: password("another password"), choice: .floor(), exposureKnown: true)
            #expect(try await world.recover(alice, "another password") == .recovered(device.key()))
            await link.close()
        }
    }

    @Test(
        "a live account whose slot the chip's owner destroyed is kept and reported, its devices are told, and it can end"
    )
    func slotGone() async throws {
        try await World.with { world in
            let served = world.served
            let (alice, bob) = (try account("alice"), try account("bob"))
            var device = try await world.enroll(alice, "a password")
            _ = try await world.enroll(bob, "a password")
            try await served.whileStopped {
                guard let record = try Self.store(served).enrollments(of: alice).first else { throw Missing.row }
                try await served.chip.tpm2("nvundefine", "-C", "o", record.handle.description)
            }
            let inventory = try await world.inventory()
            #expect(inventory.only(of: alice)?.state == "live")
            #expect(inventory.only(of: alice)?.problem != nil)
            #expect(inventory.only(of: bob)?.problem == nil)

            let link = try await world.link()
            #expect(
                try await failure { _ = try await world.recover(alice, "a password") } == .fault(.slotGone))
            #expect(try await failure { _ = try await device.status(at: link) }?.reason == .fault(.slotGone))
            guard case .recovered = try await world.recover(bob, "a password") else { throw Missing.key }

            // Nothing is left to burn; the account can be forgotten and enrolled again.
            try await device.forget(at: link)
            #expect(try await world.inventory().rows.map(\.account) == ["bob"])
            let again = try await world.link()
            try await device.enroll(at: again, password: password("a password"), choice: .floor())
            #expect(try await world.recover(alice, "a password") == .recovered(device.key()))
            await link.close()
            await again.close()
        }
    }

    @Test("an account whose slot was destroyed can be enrolled anew by a device that knows nothing of it")
    func slotGoneAndDeviceLost() async throws {
        try await World.with { world in
            let served = world.served
            let alice = try account("alice")
            _ = try await world.enroll(alice, "a password")
            #expect(
                try await failure { _ = try await world.enroll(alice, "another password") }?.reason
                    == .fault(.accountExists))
            try await served.whileStopped {
                guard let record = try Self.store(served).enrollments(of: alice).first else { throw Missing.row }
                try await served.chip.tpm2("nvundefine", "-C", "o", record.handle.description)
            }
            let key = try await world.enroll(alice, "another password").key()
            #expect(try await world.recover(alice, "another password") == .recovered(key))
            let inventory = try await world.inventory()
            #expect(inventory.only(of: alice)?.state == "live")
            #expect(inventory.agrees)
        }
    }

    @Test(
        "what takes a destroyed slot's place is of a later generation, also for a device that has a key of its own already"
    )
    func slotGoneAndGenerations() async throws {
        try await World.with { world in
            let served = world.served
            let alice = try account("alice")
            var phone = try await world.enroll(alice, "first password")
            let link = try await world.link()
            try await phone.changePassword(at: link, to: password("second password"), choice: .floor())
            await link.close()
            #expect(phone.state.key?.generation == 2)

            func destroySlot() async throws {
                try await served.whileStopped {
                    guard let record = try Self.store(served).enrollments(of: alice).first else { throw Missing.row }
                    try await served.chip.tpm2("nvundefine", "-C", "o", record.handle.description)
                }
            }
            try await destroySlot()
            let third = try await world.enroll(alice, "third password")
            #expect(third.state.key?.generation == 3)

            // The phone takes it for the newer one, and keeps its own as an older key.
            let again = try await world.link()
            _ = try await phone.recover(at: again, password: password("third password"))
            #expect(try phone.key() == third.key() && phone.state.key?.generation == 3)
            await again.close()

            try await destroySlot()
            var tablet = try world.device(alice)
            let own = SharedSecret(SecretBytes(random: 32))
            try tablet.keep(GenerationKey(generation: 1, key: own))
            let last = try await world.link()
            try await tablet.enroll(at: last, password: password("fourth password"), choice: .floor())
            #expect(try tablet.key() == own.bytes.published && tablet.state.key?.generation == 4)
            await last.close()
        }
    }

    @Test("a slot that the owner destroyed and defined again is as gone as one that is not there")
    func redefined() async throws {
        try await World.with { world in
            let served = world.served
            let alice = try account("alice")
            _ = try await world.enroll(alice, "a password")
            try await served.whileStopped {
                let chip = try Chip(tcti: served.chip.tcti)
                guard let record = try Self.store(served).enrollments(of: alice).first,
                    let area = try chip.nvPublic(of: record.handle)
                else { throw Missing.row }
                try chip.run(.nvUndefineSpace(.init(area.index, area.name)), authorizedBy: chip.owner)
                var unwritten = area
                unwritten.attributes.remove(.written)
                try chip.run(.nvDefineSpace(unwritten), authorizedBy: chip.owner)
            }
            #expect(
                try await failure { _ = try await world.recover(alice, "a password") } == .fault(.slotGone))
        }
    }

    @Test("killed after each message of a recovery, the vault starts again and the password still opens it")
    func recover() async throws {
        try await World.with { world in
            let served = world.served
            let alice = try account("alice")
            let key = try await world.enroll(alice, "a password", limit: 50).key()
            let courier = try world.courier()
            var length = 1
            var number = -1
            while number < length {
                let (point, link) = (number, try await world.link(courier, retries: 1))
                courier.begin { call in
                    guard call.number == point else { return .carry }
                    return .loseReplyAfter {
                        await served.kill()
                        try? await served.start()
                    }
                }
                var device = try world.device(alice)
                // The device asks again by itself, and the person does not notice.
                let outcome = try await device.recover(at: link, password: password("a password"))
                #expect(Ending(outcome) == .recovered(key), "message \(number)")
                if case .recovered(let recovered) = outcome, case .failed(let error) = recovered.refund {
                    Issue.record("message \(number): \(error)")
                }
                if number < 0 { length = courier.calls.count }
                await link.close()
                number += 1
            }
            #expect(length > 6)
            // Nothing was spent twice: one evaluation for each recovery, and one refund.
            let recoveries = UInt32(length + 1)
            #expect(try await world.claimed(alice) == SlotCount(count: 1 + recoveries, ceiling: 51 + recoveries))
        }
    }
}
