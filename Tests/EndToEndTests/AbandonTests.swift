import DeviceTestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// A person who cannot or will not wait for what was begun, and begins anew.
@Suite struct AbandonTests {
    @Test("abandoning leaves the live enrollment alone until a new one is live, whichever message is lost")
    func liveStays() async throws {
        try await World.with { world in
            let alice = try account("alice")
            var device = try await world.enroll(alice, "an old password")
            let oldKey = try device.key()
            for lost in [Reserve.name, WriteSlot.name, Evaluate.name] {
                let courier = try world.courier()
                let link = try await world.link(courier)
                courier.begin { $0.method == lost ? .loseCall : .carry }
                let error = try await failure {
                    try await device.enroll(
                        at: link, password: password("a new password"), choice: .floor(), abandoning: true)
                }
                await link.close()
                #expect(error != nil, "\(lost)")
                #expect(try await world.recover(alice, "an old password") == .recovered(oldKey), "\(lost)")
            }
            let link = try await world.link()
            try await device.enroll(
                at: link, password: password("a new password"), choice: .floor(), abandoning: true)
            await link.close()
            #expect(try device.key() != oldKey && device.olderKeys.contains(oldKey))
            #expect(try await world.recover(alice, "a new password") == .recovered(device.key()))
            #expect(device.state.toBurn.isEmpty)
            #expect(try await world.inventory().agrees)
        }
    }

    @Test("a signature that came too late to open the bundle gives nothing up: the enrollment is finished later")
    func lateSignature() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let courier = try world.courier()
            let link = try await world.link(courier)
            courier.begin { $0.method == Open.name ? .fault(.refusedByChip) : .carry }
            var device = try world.device(alice)
            let error = try await failure {
                try await device.enroll(at: link, password: password("a password"), choice: .floor())
            }
            #expect(error?.reason == .exposed(limit: 10, by: .noReply) && device.state.pending != nil)
            courier.begin()
            #expect(try await device.finish(at: link).count == 1)
            await link.close()
            #expect(device.state.toBurn.isEmpty && device.state.exposedLimit == nil)
            #expect(try await world.recover(alice, "a password") == .recovered(device.key()))
        }
    }

    @Test("a refused enrollment that is abandoned is told as exposed, and its key is never used again")
    func exposed() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let courier = try world.courier()
            let link = try await world.link(courier)
            courier.begin { $0.method == Commit.name ? .loseCall : .carry }
            var device = try world.device(alice)
            _ = try await failure {
                try await device.enroll(at: link, password: password("one"), choice: .floor())
            }
            let sent = try #require(device.state.pending).backupKey.bytes.published
            courier.begin()
            let again = try await failure {
                try await device.enroll(at: link, password: password("one"), choice: .floor(), abandoning: true)
            }
            #expect(again?.reason == .exposedBefore(limit: 10))
            try await device.enroll(
                at: link, password: password("two"), choice: .floor(), abandoning: true, exposureKnown: true)
            await link.close()
            #expect(try device.key() != sent && device.olderKeys.contains(sent))
            #expect(try await world.recover(alice, "two") == .recovered(device.key()))
        }
    }
}
