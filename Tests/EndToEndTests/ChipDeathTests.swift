import DeviceTestSupport
import Synchronization
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// A chip that goes away, and one that is used for long.
@Suite struct ChipDeathTests {
    @Test("a chip that dies at any message of a recovery is a clear error, and the vault goes on when it is back")
    func recover() async throws {
        try await World.with { world in
            let served = world.served
            let alice = try account("alice")
            let key = try await world.enroll(alice, "a password", limit: 100).key()
            let courier = try world.courier()
            let first = try await world.link(courier)
            courier.begin()
            var device = try world.device(alice)
            _ = try await device.recover(at: first, password: password("a password"))
            await first.close()
            let methods = courier.calls.map(\.method)
            #expect(methods.prefix(4) == [LookUp.name, Evaluate.name, Challenge.name, Open.name])

            var recoveries: UInt32 = 1
            for number in methods.indices {
                let link = try await world.link(courier)
                courier.begin { call in
                    if call.number == number { served.chip.stop() }
                    return .carry
                }
                var device = try world.device(alice)
                do {
                    let outcome = try await device.recover(at: link, password: password("a password"))
                    // The bundle was open by then.
                    guard case .recovered(let recovered) = outcome, case .failed(let error) = recovered.refund else {
                        Issue.record("\(number) \(methods[number]): \(Ending(outcome))")
                        continue
                    }
                    #expect(error.reason == .fault(.chipUnavailable), "\(number)")
                    #expect(number > 3)
                    #expect(try device.key() == key)
                } catch let error as VaultClientError {
                    #expect(number <= 3)
                    #expect(error.reason == .fault(.chipUnavailable), "\(number) \(methods[number])")
                    #expect(error.guess == (number > 1 ? .spent : .notSpent), "\(number)")
                    #expect(error.description.contains("try again later"))
                }
                if number > 1 { recoveries += 1 }
                try await served.chip.start()

                // The same vault, not started again, and on the same connection.
                courier.begin()
                let outcome = try await device.recover(at: link, password: password("a password"))
                #expect(Ending(outcome) == .recovered(key), "\(number) \(methods[number])")
                if case .recovered(let recovered) = outcome, case .failed(let error) = recovered.refund {
                    Issue.record("\(number): \(error)")
                }
                recoveries += 1
                await link.close()
            }
            #expect(try await world.independentCount(alice).count == 1 + recoveries)
            let inventory = try await world.inventory()
            #expect(inventory.transientObjects == 0 && inventory.sessions == 0)
        }
    }

    @Test("a chip that dies at any message of an enrollment leaves nothing behind that the next one does not remove")
    func enroll() async throws {
        try await World.with { world in
            let served = world.served
            let length = try await RetriedEnrollmentTests.length(world)
            for number in 0..<length {
                let person = try account("person \(number)")
                let courier = try world.courier()
                let link = try await world.link(courier)
                courier.begin { call in
                    if call.number == number { served.chip.stop() }
                    return .carry
                }
                var device = try world.device(person)
                let error = try await failure {
                    try await device.enroll(at: link, password: password("a password"), choice: .floor())
                }
                #expect(error != nil, "message \(number)")
                #expect(error?.guess == .notSpent || error?.guess == .maybeSpent)
                // The vault notices that the device has hung up while there is no chip to clear up on.
                try await Task.sleep(for: .milliseconds(100))
                try await served.chip.start()
                courier.begin()
                if device.state.pending != nil {
                    try await device.finish(at: link)
                } else {
                    try await world.enrollAgain(&device, at: link, "a password")
                }
                await link.close()
            }
            let inventory = try await world.inventory()
            #expect(inventory.rows.count == length + 1, "\(inventory.rows.filter { $0.state != "live" })")
            #expect(inventory.rows.allSatisfy { $0.state == "live" })
            #expect(inventory.agrees)
        }
    }

    @Test("fifty recoveries leave neither object nor session on the chip")
    func leaks() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let key = try await world.enroll(alice, "a password").key()
            var device = try world.device(alice)
            // One connection for all of them, so that nothing is cleared away by its end.
            let link = try await world.link()
            for number in 0..<50 {
                let outcome = try await device.recover(at: link, password: password("a password"))
                #expect(Ending(outcome) == .recovered(key), "\(number)")
            }
            let proven = try await device.status(at: link).proven?.slot
            #expect(proven == SlotCount(count: 51, ceiling: 61))
            let inventory = try await world.inventory()
            #expect(inventory.transientObjects == 0)
            #expect(inventory.sessions == 0)
            await link.close()
        }
    }
}
