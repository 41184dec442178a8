import DeviceTestSupport
import Foundation
import Synchronization
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// A device that dies between any two steps: it goes on from the files that it had written by then.
@Suite struct DeviceCrashTests {
    /// Runs `body` until message `number` is lost, and gives the device's files as they were at that moment.
    private static func crash(
        _ world: World, _ person: Account, _ home: DeviceHome, at number: Int, _ loss: Loss,
        _ body: (inout Device, VaultLink) async throws -> Void
    ) async throws -> DeviceHome {
        let courier = try world.courier()
        let link = try await world.link(courier)
        let files = Mutex<DeviceHome?>(nil)
        courier.lose(loss, at: number, forGood: true) {
            let copy = try? world.copy(of: home)
            files.withLock { $0 = copy }
        }
        var device = try world.device(person, home)
        let error = try await failure { try await body(&device, link) }
        #expect(error != nil, "message \(number)")
        await link.close()
        guard let copy = files.withLock({ $0 }) else { throw Missing.call }
        return copy
    }

    /// The number of messages of `body`, undisturbed.
    private static func length(
        _ world: World, _ body: (VaultLink) async throws -> Void
    ) async throws -> Int {
        let courier = try world.courier()
        let link = try await world.link(courier)
        courier.begin()
        try await body(link)
        await link.close()
        return courier.calls.count
    }

    @Test(
        "killed anywhere in a change of password, the person recovers with the old or the new one, and the device goes on",
        arguments: [(Loss.call, false), (Loss.reply, true)])
    func change(loss: Loss, vaultToo: Bool) async throws {
        try await World.with { world in
            let alice = try account("alice")
            var home = world.home()
            var keys: [[UInt8]] = []
            var length = 0
            do {
                var device = try world.device(alice, home)
                let link = try await world.link()
                try await device.enroll(at: link, password: password("password 0"), choice: .floor())
                await link.close()
                keys.append(try device.key())
                length = try await Self.length(world) { link in
                    try await device.changePassword(at: link, to: password("password 1"), choice: .floor())
                }
                keys.append(try device.key())
            }
            #expect(length > 15)
            for number in 0..<length {
                let (old, new) = ("password \(number + 1)", "password \(number + 2)")
                home = try await Self.crash(world, alice, home, at: number, loss) { device, link in
                    try await device.changePassword(at: link, to: password(new), choice: .floor())
                }
                if vaultToo {
                    await world.served.kill()
                    try await world.served.start()
                }

                // A person who has nothing but passwords.
                let byNew = try await world.recover(alice, new)
                if case .recovered = byNew {
                } else {
                    #expect(try await world.recover(alice, old) == .recovered(keys[number + 1]), "message \(number)")
                }

                // The device goes on.
                var device = try world.device(alice, home)
                let link = try await world.link()
                try await device.finish(at: link)
                if try device.key() == keys[number + 1] {
                    for _ in 0..<100 {
                        let error = try await failure {
                            try await device.changePassword(at: link, to: password(new), choice: .floor())
                        }
                        guard error?.reason == .fault(.enrollmentUnderWay) else {
                            #expect(error == nil)
                            break
                        }
                        try await Task.sleep(for: .milliseconds(20))
                    }
                } else if case .recovered = byNew {
                    #expect(byNew == .recovered(try device.key()))
                }
                keys.append(try device.key())
                #expect(device.state.toBurn.isEmpty && device.state.pending == nil)
                #expect(try await device.status(at: link).replaced.isEmpty, "message \(number)")
                await link.close()
            }
            let inventory = try await world.inventory()
            #expect(inventory.only(of: alice)?.state == "live")
            #expect(inventory.agrees)

            // A new device has every key that there ever was.
            var last = try world.device(alice)
            let link = try await world.link()
            _ = try await last.recover(at: link, password: password("password \(length + 1)"))
            await link.close()
            #expect(try last.olderKeys + [last.key()] == keys)
            #expect(Set(keys).count == length + 2)
        }
    }

    @Test(
        "killed anywhere in forgetting, the device goes on until nothing is left at the vault", arguments: Loss.allCases
    )
    func forget(loss: Loss) async throws {
        try await World.with { world in
            var length = 1
            var number = 0
            while number < length {
                let person = try account("person \(number)")
                let home = world.home()
                let key: [UInt8]
                do {
                    var device = try world.device(person, home)
                    let link = try await world.link()
                    try await device.enroll(at: link, password: password("a password"), choice: .floor())
                    await link.close()
                    key = try device.key()
                    if number == 0 {
                        // The first one is undisturbed.
                        length = try await Self.length(world) { link in try await device.forget(at: link) } + 1
                        #expect(length > 4)
                    }
                }
                if number > 0 {
                    let after = try await Self.crash(world, person, home, at: number - 1, loss) { device, link in
                        try await device.forget(at: link)
                    }
                    var device = try world.device(person, after)
                    let link = try await world.link()
                    try await device.finish(at: link)
                    await link.close()
                    #expect(try device.key() == key)
                    #expect(device.state.enrollment == nil && device.state.toBurn.isEmpty)
                }
                number += 1
            }
            let inventory = try await world.inventory()
            #expect(inventory.rows.isEmpty && inventory.slots.isEmpty)
        }
    }

    @Test("killed anywhere in an enrollment, the device finishes it or begins anew, and the password opens it")
    func enroll() async throws {
        try await World.with { world in
            let length = try await RetriedEnrollmentTests.length(world)
            for number in 0..<length {
                let person = try account("person \(number)")
                let after = try await Self.crash(world, person, world.home(), at: number, .reply) { device, link in
                    try await device.enroll(at: link, password: password("a password"), choice: .floor())
                }
                var device = try world.device(person, after)
                let link = try await world.link()
                if device.state.pending != nil {
                    try await device.finish(at: link)
                } else {
                    try await world.enrollAgain(&device, at: link, "a password")
                }
                await link.close()
                #expect(try await world.recover(person, "a password") == .recovered(device.key()))
            }
            #expect(try await world.inventory().agrees)
        }
    }

    @Test("an enrollment whose last reply was lost is not burnt when its person recovers before it is finished")
    func recoverBeforeFinishing() async throws {
        try await World.with { world in
            for isChange in [false, true] {
                let person = try account(isChange ? "changing" : "enrolling")
                let home = world.home()
                if isChange {
                    var device = try world.device(person, home)
                    let link = try await world.link()
                    try await device.enroll(at: link, password: password("first password"), choice: .floor())
                    await link.close()
                }
                let courier = try world.courier()
                let broken = try await world.link(courier)
                courier.begin { call in
                    call.method == Commit.name ? .loseReplyAfter { courier.die() } : .carry
                }
                do {
                    var device = try world.device(person, home)
                    let error = try await failure {
                        if isChange {
                            try await device.changePassword(at: broken, to: password("a password"), choice: .floor())
                        } else {
                            try await device.enroll(at: broken, password: password("a password"), choice: .floor())
                        }
                    }
                    #expect(error?.reason == .exposed(limit: 10, by: .noReply))
                }

                var device = try world.device(person, home)
                let link = try await world.link()
                let outcome = try await device.recover(at: link, password: password("a password"))
                #expect(Ending(outcome) == .recovered(try device.key()))
                try await device.finish(at: link)
                await link.close()
                #expect(try await world.recover(person, "a password") == .recovered(device.key()))
                #expect(device.olderKeys.count == (isChange ? 1 : 0))
            }
            let inventory = try await world.inventory()
            #expect(inventory.rows.map(\.state) == ["live", "live"])
            #expect(inventory.agrees)
        }
    }
}
