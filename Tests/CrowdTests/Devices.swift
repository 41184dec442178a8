import Foundation
import OPRF
import ProgramTestSupport
import TestSupport
import VaultAPI

@testable import VaultClient

extension Crowd {
    /// One of a person's devices: recovers, asks how the account stands, grants, mistypes, and sometimes stops in the midst.
    func device(_ number: Int, of person: Prepared, until end: ContinuousClock.Instant) async {
        await rest()
        while ContinuousClock.now < end {
            let draw = Int.random(in: 0..<100)
            do {
                switch draw {
                case ..<15: await quit { try await person.recover(at: $0) }
                case ..<55:
                    try await figures.timing("recovery without Argon2id") {
                        let link = try await link()
                        try await person.recover(at: link)
                        await link.close()
                    }
                case ..<70:
                    try await figures.timing("status") {
                        let link = try await link()
                        _ = try await person.proven(at: link)
                        await link.close()
                    }
                case ..<75:
                    try await figures.timing("grant") {
                        let link = try await link()
                        try await person.grant(at: link)
                        await link.close()
                    }
                case ..<98: try await recover(person, as: "recovery")
                default: try await mistype(person)
                }
                figures.count("operations")
                figures.count("device \(number)")
            } catch {
                figures.fail("\(person.account), \(draw): \(error)")
            }
            await rest()
        }
    }

    /// Some time between two operations, by how long an idle vault takes for one: on a slow machine everything is slow.
    private func rest() async {
        let idle = figures.times("recovery without Argon2id, idle")(50)
        try? await Task.sleep(for: .milliseconds(idle * Double.random(in: 0...15)))
    }

    /// Begins something and stops before or behind any of its calls.
    private func quit(_ body: (VaultLink) async throws -> Void) async {
        let quitting = CrowdDialer.Quitting(call: .random(in: 1...15), isSent: .random())
        do {
            let link = try await link(quitting)
            try await body(link)
            await link.close()
        } catch {
            figures.count("conversations broken off")
        }
    }

    /// A device whose account comes and goes: it enrolls, changes its password, forgets, and goes on where it was cut off.
    func mover(_ number: Int, until end: ContinuousClock.Instant) async throws {
        let name = "mover \(number)"
        var device = try Device(try Account(name), in: home())
        while ContinuousClock.now < end {
            let breaksOff = Int.random(in: 0..<4) == 0
            let quitting = breaksOff ? CrowdDialer.Quitting(call: .random(in: 1...40), isSent: .random()) : nil
            do {
                try await move(&device, quitting)
                figures.count("operations")
                figures.count("device \(number)")
            } catch let error as VaultClientError where breaksOff || error.mayPass {
                figures.count("conversations broken off")
                figures.count("device \(number)")
            } catch {
                figures.fail("\(name): \(error)")
            }
            await rest()
        }
        // What was cut off last is finished, so that device and vault agree.
        let link = try await link()
        try await retrying { try await device.finish(at: link) }
        if let live = device.state.enrollment, let proven = try await device.status(at: link).proven {
            check(name, live.recipe, proven.slot.count)
        }
        await link.close()
    }

    private func move(_ device: inout Device, _ quitting: CrowdDialer.Quitting?) async throws {
        let password = try typed(UUID().uuidString)
        if device.state.pending != nil || !device.state.toBurn.isEmpty {
            let link = try await link(quitting)
            try await device.finish(at: link)
            return await link.close()
        }
        guard device.state.enrollment != nil else {
            await gate.enter()
            do {
                let link = try await link(quitting)
                try await figures.timing("enrollment") {
                    try await device.enroll(at: link, password: password, choice: .crowded, exposureKnown: true)
                }
                await link.close()
            } catch {
                await gate.leave()
                throw error
            }
            return await gate.leave()
        }
        let draw = Int.random(in: 0..<10)
        let link = try await link(quitting)
        switch draw {
        case ..<3: _ = try await device.status(at: link)
        case ..<5: _ = try await device.grant(1, at: link)
        case ..<8: try await figures.timing("forgetting") { _ = try await device.forget(at: link) }
        default:
            await gate.enter()
            do {
                try await figures.timing("change of password") {
                    try await device.changePassword(
                        at: link, to: password, choice: .crowded, exposureKnown: true)
                }
            } catch {
                await gate.leave()
                throw error
            }
            await gate.leave()
        }
        await link.close()
    }

    private func retrying(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
    ) async throws {
        for _ in 0..<20 {
            do {
                return try await body()
            } catch let error as VaultClientError where error.mayPass {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        try await body()
    }

    /// Compares the chip's count, proven in a device's session, with what the devices had evaluated and with what the eye
    /// before the chip saw.
    func check(_ name: String, _ recipe: Recipe, _ count: UInt32) {
        let expected = ledger.counts(of: recipe.enrollment)
        let seen = recipe.vaults.first.map { eye.spent(at: $0.slot) }
        figures.count("counts compared")
        if !expected.contains(count) || seen != count {
            figures.fail("\(name): the chip counts \(count), its devices \(expected), the eye \(seen ?? 0)")
        }
    }

    /// Sends a message of a call, one byte a second, again and again.
    func dawdle(until end: ContinuousClock.Instant) async throws {
        let message = Array((#"{"method":"org.tenpin.Vault.LookUp","parameters":{"account":"person 0"}}"#).utf8)
        while ContinuousClock.now < end {
            let peer = try Peer(stage.socket)
            var rest = message[...]
            while ContinuousClock.now < end, let byte = rest.popFirst() {
                try await peer.send([byte])
                do {
                    if let cut = try await peer.receive(within: .seconds(1)) {
                        if cut["error"] as? String == "org.tenpin.Transport.MessageTimedOut" {
                            figures.count("slow peers cut off")
                        }
                    }
                    break
                } catch {
                    // No answer within the second: the next byte.
                }
            }
        }
    }

    /// Has random points evaluated for one account, as fast as the vault answers: the call that takes the chip longest.
    func flood(_ person: Prepared, until end: ContinuousClock.Instant) async throws {
        var connection = try await SocketDialer(stage.socket).connect()
        while ContinuousClock.now < end, !Task.isCancelled {
            let point = Bytes(try Scalar.random().publicKey().sec1)
            do throws(VaultClientError) {
                _ = try await connection.call(
                    Evaluate(account: person.account, enrollment: person.enrolled.recipe.enrollment, blinded: point))
                figures.count("calls of the flood")
            } catch {
                switch error.reason {
                case .fault(.busy), .fault(.lockedOut):
                    figures.count("calls of the flood refused")
                    try? await Task.sleep(for: .milliseconds(100))
                case .connectionLost:
                    // Its own calls keep each other waiting for longer than a device waits.
                    await connection.close()
                    connection = try await SocketDialer(stage.socket).connect()
                default: return figures.fail("the flood: \(error)")
                }
            }
        }
        await connection.close()
    }

    /// Has 48 challenges pending at once, as the chip tells, and then opens the bundle in each of them. A session may be
    /// given to others when its owner has left it alone for ten seconds, which on a slow machine the other 47 take.
    func challenge(_ people: [Prepared]) async throws {
        let count = 48
        let link = try await link()
        let vault = link.vault
        await link.close()
        let begun = ContinuousClock.now
        try await figures.timing("48 challenges, and their opening") {
            let pending = try await withThrowingTaskGroup { group in
                for number in 0..<count {
                    let person = people[number % people.count]
                    group.addTask {
                        let connection = try await dialer().connect()
                        return (person, connection, try await person.challenge(on: connection))
                    }
                }
                return try await group.reduce(into: [(Prepared, any VaultConnection, Challenge.Reply)]()) {
                    $0.append($1)
                }
            }
            // The two that were started last stay in the chip.
            let saved = try relay.savedSessions()
            if saved + 2 >= count { figures.count("times 48 challenges were pending") }
            try await withThrowingTaskGroup { group in
                for (person, connection, challenge) in pending {
                    group.addTask {
                        do {
                            try await person.open(challenge, at: vault, on: connection)
                        } catch let error as VaultClientError
                            where error == .fault(.sessionGone) && begun + .seconds(10) < .now
                        {
                            figures.count("challenges given to others")
                        }
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

extension VaultClientError {
    /// The vault has not yet noticed that an earlier connection of this device's ended.
    fileprivate var mayPass: Bool { reason == .fault(.enrollmentUnderWay) }
}
