import DeviceTestSupport
import Foundation
import Synchronization
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// The device killed at every message, with three vaults: no account is lost, no guess gained, nothing is left behind, and the
/// person's next attempt works.
@Suite("Killed at every message, with three vaults") struct KillTests {
    /// What the person was doing.
    enum Talk: CaseIterable, Sendable {
        case enroll
        case recover
        case grant
        case change
        case forget
    }

    /// All with TENPIN_EXHAUSTIVE=1.
    static let few = ProcessInfo.processInfo.environment["TENPIN_EXHAUSTIVE"] == "1" ? Int.max : 8

    @Test("the device", arguments: Talk.allCases)
    func device(talk: Talk) async throws {
        try await Sites.with { sites in
            let length = try await Self.play(talk, sites, killedAt: nil)
            #expect(length > 5)
            let points = 2 * length
            for turn in 0..<min(points, Self.few) {
                let point = points <= Self.few ? turn : turn * points / Self.few + points / Self.few / 2
                _ = try await Self.play(talk, sites, killedAt: (point / 2, point % 2 == 1))
            }
        }
    }

    /// - Parameter point: the message at which the device dies, and whether a vault has it all the same.
    /// - Returns: the number of messages.
    private static func play(_ talk: Talk, _ sites: Sites, killedAt point: (Int, Bool)?) async throws -> Int {
        let alice = try Account("person \(UUID().uuidString.prefix(8))")
        let home = sites.home()
        if talk != .enroll {
            sites.begin()
            var device = try sites.device(alice, home)
            let fleet = try await sites.fleet()
            try await device.enroll(at: fleet, password: password("first"), choice: .floor(limit: 10))
            await fleet.close()
        }
        let old = try sites.device(alice, home).state.key?.key.bytes.published
        let what = "\(talk), \(point.map { "killed at \($0.0), \($0.1 ? "after" : "before")" } ?? "undisturbed")"

        let crash = Crash(point, home: home)
        for courier in sites.couriers {
            courier.begin { call in await crash.fate(of: call, everybody: sites.couriers) }
        }
        do {
            try await run(talk, alice, home, sites)
            // What is done at one vault is done, and what is begun a recovery without a refund.
            #expect(!crash.hasHappened || ![.enroll, .change].contains(talk), "\(what): nobody noticed")
        } catch let error as VaultClientError {
            #expect(crash.hasHappened, "\(what): \(error)")
        }
        let length = crash.count
        await crash.ended()
        try crash.leaveBehind()
        sites.begin()
        if point != nil { try await goOn(talk, alice, home, sites, what, old) }
        try await checkChips(alice, sites, what)
        return length
    }

    private static func run(_ talk: Talk, _ account: Account, _ home: DeviceHome, _ sites: Sites) async throws {
        // A vault that is not reached at all is another test's.
        let fleet = try await sites.fleet()
        var device = try sites.device(account, talk == .recover ? sites.home() : home)
        switch talk {
        case .enroll: try await device.enroll(at: fleet, password: password("first"), choice: .floor(limit: 10))
        case .recover: _ = try await device.recover(at: fleet, password: password("first"))
        case .grant:
            for result in await device.grants(1, at: fleet) { _ = try result.get() }
        case .change: try await device.changePassword(at: fleet, to: password("second"), choice: .floor(limit: 10))
        case .forget: try await device.forget(at: fleet)
        }
        await fleet.close()
    }

    private static func goOn(
        _ talk: Talk, _ account: Account, _ home: DeviceHome, _ sites: Sites, _ what: String, _ old: [UInt8]?
    ) async throws {
        if talk == .change {
            // Whoever has nothing but passwords gets a key by one of them.
            var keys: [[UInt8]] = []
            for typed in ["second", "first"] {
                keys += [try? await sites.recover(account, typed).key].compactMap { $0 }
            }
            let own = try sites.device(account, home).state
            let mine =
                (own.olderKeys + [own.key].compactMap { $0 }
                + [own.pending].compactMap {
                    $0.map { GenerationKey(generation: 0, key: $0.backupKey) }
                }).map { $0.key.bytes.published }
            #expect(!keys.isEmpty && keys.allSatisfy(mine.contains), "\(what): \(keys.count) keys")
        }
        try await patiently {
            var device = try sites.device(account, home)
            let fleet = try await sites.fleet()
            try await device.finish(at: fleet)
            switch talk {
            case .enroll:
                if device.state.enrollment == nil {
                    try await device.enroll(
                        at: fleet, password: password("first"), choice: .floor(limit: 10), exposureKnown: true)
                }
            case .change:
                if device.state.olderKeys.isEmpty {
                    try await device.changePassword(
                        at: fleet, to: password("second"), choice: .floor(limit: 10), exposureKnown: true)
                }
            case .forget: if device.state.enrollment != nil { try await device.forget(at: fleet) }
            case .grant: for result in await device.grants(1, at: fleet) { _ = try result.get() }
            case .recover: break
            }
            await fleet.close()
        }
        let device = try sites.device(account, home)
        #expect(device.state.pending == nil && device.state.toBurn.isEmpty, "\(what)")
        let keys = (device.state.olderKeys + [device.state.key].compactMap { $0 }).map { $0.key.bytes.published }
        if let old { #expect(keys.contains(old), "\(what): the key is lost") }
        guard talk != .forget else { return }
        let back = try await sites.recover(account, talk == .change ? "second" : "first")
        #expect(back.key == (try device.key()), "\(what)")
        #expect(back.recovered?.refunds.count == 3, "\(what)")
    }

    /// Each slot has its row and each row its slot, everything is live, and no ceiling is higher than what the person was
    /// given back and granted.
    private static func checkChips(_ account: Account, _ sites: Sites, _ what: String) async throws {
        for (number, vault) in sites.vaults.enumerated() {
            let entries = try await sites.entries(at: vault)
            #expect(
                entries.rows.allSatisfy { $0.state == "live" }, "\(what), at \(number): \(entries.rows.map(\.state))")
            #expect(entries.rows.count == entries.slots, "\(what), at \(number)")
            for row in entries.rows where row.account == account.id {
                guard let count = row.count, let ceiling = row.ceiling else { throw Missing() }
                #expect(ceiling <= 10 + count + 2, "\(what), at \(number): \(count) of \(ceiling)")
            }
        }
    }

    /// Until the vaults have noticed that the last attempt's connections are gone.
    private static func patiently(_ body: () async throws -> Void) async throws {
        for _ in 0..<200 {
            do {
                return try await body()
            } catch let error as VaultClientError where error.plainReason == .fault(.enrollmentUnderWay) {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        throw HarnessError("the vaults do not notice that a device has gone")
    }
}

/// A device that dies at one of its messages. What its program still does in its last moments is undone: the files are as they
/// were when it died, and no vault hears of it.
private final class Crash: Sendable {
    private let point: (Int, Bool)?
    private let home: DeviceHome
    private let state = Mutex((count: 0, hasHappened: false))
    private let end = Gate()

    init(_ point: (Int, Bool)?, home: DeviceHome) {
        self.point = point
        self.home = home
    }

    var count: Int { state.withLock { $0.count } }
    var hasHappened: Bool { state.withLock { $0.hasHappened } }
    private var copy: String { home.path + ".dead" }

    func fate(of call: HostileCourier.Call, everybody: [HostileCourier]) async -> HostileCourier.Fate {
        // How a vault is reached and trusted changes nothing anywhere.
        let isNow = state.withLock { state in
            defer { state.count += 1 }
            guard let point, state.count == point.0 else { return false }
            state.hasHappened = true
            return true
        }
        guard isNow else { return hasHappened ? .loseCall : .carry }
        try? FileManager.default.copyItem(atPath: home.path, toPath: copy)
        guard point?.1 == true else {
            for courier in everybody { courier.die() }
            await end.open()
            return .loseCall
        }
        return .loseReplyAfter { [end] in
            for courier in everybody { courier.die() }
            await end.open()
        }
    }

    /// Waits until the last message's vault has had it, if there was a last one.
    func ended() async { if hasHappened { await end.wait() } }

    /// Puts the files back as they were.
    func leaveBehind() throws {
        guard hasHappened, FileManager.default.fileExists(atPath: copy) else { return }
        try FileManager.default.removeItem(atPath: home.path)
        try FileManager.default.moveItem(atPath: copy, toPath: home.path)
    }
}
