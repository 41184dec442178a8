import Foundation
import ProgramTestSupport
import TPM
import TestSupport
import Testing
import Vault
import VaultAPI

@testable import VaultClient

/// A conversation disturbed at one point after another, with the same questions after each: is no account lost, no guess
/// gained, no slot leaked, and does the person's next attempt work?
struct Sweep: Sendable {
    let bench: Bench
    let talk: Talk
    private let shared: Person?

    init(_ talk: Talk, at bench: Bench) async throws {
        self.talk = talk
        self.bench = bench
        shared = talk.needsSomebodyNew ? nil : try await talk.person(at: bench)
    }

    /// All of `count` points with TENPIN_EXHAUSTIVE=1, otherwise about `few` of them, spread evenly, always the same.
    static func points(_ count: Int, few: Int) -> [Int] {
        if isExhaustive || count <= few { return Array(0..<count) }
        return (0..<few).map { $0 * count / few + (count / few) / 2 }
    }

    static let isExhaustive = ProcessInfo.processInfo.environment["TENPIN_EXHAUSTIVE"] == "1"

    /// Runs it undisturbed; gives the commands that the chip got and how often the store was written to.
    func honest() async throws -> (commands: [UInt32], writes: Int) {
        let person = try await someone()
        let link = try await bench.link()
        try await settled(but: link)
        try bench.disk.arm(.none)
        bench.relay.begin()
        try await talk.run(person, at: link, of: bench)
        let counted = (bench.relay.exchanges.map(\.command.code), bench.disk.writes)
        await link.close()
        try await check(person, since: nil, nil, "undisturbed")
        return counted
    }

    private func someone() async throws -> Person {
        guard let shared else { return try await talk.person(at: bench) }
        // A sweep spends guesses that nobody gives back.
        if try bench.count(shared.account).guessesLeft < 100 {
            try await bench.withLink { link in
                _ = try await Device(shared.account, in: shared.home).grant(500, at: link)
            }
        }
        return shared
    }

    /// Disturbs the conversation as `disturb` says, has `mend` put right what was broken, and asks the questions.
    ///
    /// - Parameters:
    ///   - disturb: prepares relay or disk; what it gives is told when something is amiss.
    ///   - judge: looks at what the person was told.
    func disturbed(
        _ what: String, _ disturb: () throws -> Void, mend: () async throws -> Void,
        judge: (VaultClientError?) -> Void = { _ in }
    ) async throws {
        let person = try await someone()
        let link = try await bench.link()
        try await settled(but: link)
        let before = try? bench.count(person.account)
        let slots = try bench.slots()
        try disturb()
        let clock = ContinuousClock()
        let begin = clock.now
        var error: VaultClientError?
        do {
            try await talk.run(person, at: link, of: bench)
        } catch let failure as VaultClientError {
            error = failure
        } catch {
            Issue.record("\(talk), \(what): \(error)")
        }
        // A chip that always answers as it should not ends in a failure, and in the time that a device waits.
        #expect(clock.now - begin < .seconds(75), "\(talk), \(what)")
        judge(error)
        bench.relay.begin()
        try bench.disk.arm(.none)
        try await mend()
        try await compareCost(person, before, error, what)
        // The device begins a new connection, as it does when its program is run again.
        await link.close()
        do {
            try await talk.goOn(person, at: link, of: bench)
        } catch {
            Issue.record("\(talk), \(what): the next attempt: \(error)\n\(bench.log.suffix(2000))")
        }
        await link.close()
        try await check(person, since: slots, error, what)
    }

    /// What a person is told of the cost is never less than it was.
    private func compareCost(
        _ person: Person, _ before: SlotCount?, _ error: VaultClientError?, _ what: String
    ) async throws {
        guard [.recover, .guess, .status, .grant].contains(talk), let before else { return }
        let after = try bench.count(person.account)
        let spent = after.count - before.count
        #expect(spent <= 1, "\(talk), \(what): \(spent) guesses for one attempt")
        if let error {
            #expect(spent == 0 || error.guess != .notSpent, "\(talk), \(what): \(error)")
            #expect(spent == 1 || error.guess != .spent, "\(talk), \(what): \(error)")
        }
        #expect(after.ceiling >= before.ceiling && after.ceiling <= before.ceiling + 1)
    }

    /// Nothing is on the chip that nobody uses, each slot has its row and each row its slot, and no evaluation was answered
    /// that was not counted before.
    private func check(
        _ person: Person, since slots: Set<UInt32>?, _ error: VaultClientError?, _ what: String
    ) async throws {
        do {
            try await settled()
        } catch {
            Issue.record("\(talk), \(what): \(error)\n\(bench.log.suffix(2000))")
        }
        let states = try checkRows(what).map(\.state)
        #expect(states.allSatisfy { $0 == "live" }, "\(talk), \(what): \(states)")
        if let slots, talk != .forget {
            let isGained = !slots.isSubset(of: try bench.slots()) ? 1 : 0
            #expect(isGained == 0 || talk == .change, "\(talk), \(what): a slot is gone")
        }
        #expect(try bench.journalFlaws(of: person.account) == [], "\(talk), \(what)")
        let ledger = bench.ledger.now
        #expect(ledger.answered <= ledger.counted, "\(talk), \(what)")
    }

    /// Each slot has its row, and each row its slot: also right after a start, before anybody has asked for anything.
    @discardableResult
    func checkRows(_ what: String) throws -> [VaultReport.Entry] {
        let rows = try bench.rows()
        let slots = Set(rows.map { UInt32($0.slot.dropFirst(2), radix: 16) ?? 0 })
        #expect(slots == (try bench.slots()), "\(talk), \(what)")
        return rows
    }

    /// Waits until connections that ended are wound up: no object, no session is on the chip but the vault's own and those of
    /// `link`.
    func settled(but link: VaultLink? = nil) async throws {
        let clock = ContinuousClock()
        let last = clock.now + .seconds(10)
        while true {
            let left = try bench.leftovers()
            let sessions = left.filter { $0 >> 24 == 2 || $0 >> 24 == 3 }
            if left == sessions, left.count <= (link == nil ? 1 : 5) { return }
            guard clock.now < last else {
                let names = left.map { String($0, radix: 16) }
                throw HarnessError("still on the chip: \(names)")
            }
            try await Task.sleep(for: .milliseconds(3))
        }
    }
}
