import DeviceTestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// Enrollments at three vaults of which one fails, and devices that are killed in the middle.
@Suite struct EnrollmentTests {
    @Test("whatever fails at whichever vault before step 3, nobody gets step 3 and nothing is left at any")
    func nothingLeft() async throws {
        try await Sites.with { sites in
            for number in 0..<3 {
                for method in [Reserve.name, Define.name, WriteSlot.name, Evaluate.name] {
                    sites.begin()
                    sites.couriers[number].begin { call in call.method == method ? .fault(.chipUnavailable) : .carry }
                    var device = try sites.device(Account("alice"))
                    let fleet = try await sites.fleet()
                    let error = try await failure {
                        try await device.enroll(at: fleet, password: password("a password"), choice: .floor())
                    }
                    await fleet.close()
                    #expect(error?.reason == .at(sites.couriers[number].address, .fault(.chipUnavailable)), "\(method)")
                    #expect(sites.couriers.allSatisfy { $0.calls(of: Commit.name).isEmpty }, "\(method)")
                    #expect(device.state.pending == nil && device.state.enrollment == nil)
                }
            }
            #expect(try await sites.leftovers() == [[0, 0], [0, 0], [0, 0]])
        }
    }

    @Test("a vault that is missing is named, and nothing is begun at the others")
    func missing() async throws {
        try await Sites.with { sites in
            sites.couriers[1].die()
            var device = try sites.device(Account("alice"))
            let fleet = try await sites.fleet()
            let error = try await failure {
                try await device.enroll(at: fleet, password: password("a password"), choice: .floor())
            }
            await fleet.close()
            let address = sites.couriers[1].address
            #expect(error?.reason == .at(address, .unreachable(address)))
            #expect(sites.couriers.allSatisfy { $0.calls(of: Reserve.name).isEmpty })
        }
    }

    @Test("a device that is killed between the vaults' last steps repeats them until all are live", arguments: 0..<3)
    func killed(lost: Int) async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let home = sites.home()
            for isChange in [false, true] {
                let typed = isChange ? "second" : "first"
                sites.begin()
                sites.couriers[lost].begin { [courier = sites.couriers[lost]] call in
                    guard call.method == Commit.name else { return .carry }
                    courier.die()
                    return .loseCall
                }
                do {
                    var device = try sites.device(alice, home)
                    let fleet = try await sites.fleet()
                    let error = try await failure {
                        if isChange {
                            try await device.changePassword(at: fleet, to: password(typed), choice: .floor())
                        } else {
                            try await device.enroll(at: fleet, password: password(typed), choice: .floor())
                        }
                    }
                    await fleet.close()
                    guard case .incomplete(let missing) = error?.reason else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                    #expect(missing.map(\.address) == [sites.couriers[lost].address])
                    #expect(device.state.pending?.shares.count(where: \.isLive) == 2)
                }
                // The person has the key with the vaults that took it, and on this device too.
                var device = try sites.device(alice, home)
                let fleet = try await sites.fleet()
                let outcome = try await device.recover(at: fleet, password: password(typed))
                await fleet.close()
                #expect(outcome.key == (try device.key()))
                #expect(device.state.pending != nil)

                sites.begin()
                let all = try await sites.fleet()
                _ = try await device.finish(at: all)
                await all.close()
                #expect(device.state.pending == nil && device.state.toBurn.isEmpty)
                #expect(sites.couriers[lost].calls(of: Commit.name).count == 1)
                #expect(try await sites.counts(alice).count == 3)
            }
            #expect(try await sites.leftovers() == [[1, 1], [1, 1], [1, 1]])
        }
    }

    @Test("two ways to one vault are refused: it would hold two shares")
    func twice() async throws {
        try await Sites.with(1) { sites in
            let address = sites.couriers[0].address
            let error = try await failure { _ = try await sites.fleet([0, 0]) }
            #expect(error == VaultClientError(.sameVault(address, address)))
        }
    }
}
