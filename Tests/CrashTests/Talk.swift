import Foundation
import OPRF
import Passwords
import ProgramTestSupport
import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// A conversation that is disturbed, and what the person does after it.
enum Talk: String, CaseIterable, Sendable {
    /// Session, proofs, count from the chip.
    case status
    case enroll
    case recover
    /// One evaluation and nothing else, as a mistyped password costs.
    case guess
    case grant
    case change
    case forget

    /// Whether its person is used up by it. The others share one.
    var needsSomebodyNew: Bool { [.enroll, .change, .forget].contains(self) }

    /// Who does it.
    func person(at bench: Bench) async throws -> Person {
        if self == .enroll {
            return Person(account: try Account("person \(UUID().uuidString.prefix(8))"), home: bench.newHome())
        }
        return try await bench.person(limit: needsSomebodyNew ? 10 : 1000)
    }

    /// What is disturbed. `link` is trusted already.
    func run(_ person: Person, at link: VaultLink, of bench: Bench) async throws {
        switch self {
        case .status:
            try await bench.withLink { link in
                let status = try await Device(person.account, in: person.home).status(at: link)
                guard status.proven != nil else { throw Missing.key }
            }
        case .enroll:
            var device = try Device(person.account, in: person.home)
            try await device.enroll(at: link, password: password(Person.first), choice: .floor())
        case .recover: try await Self.recover(person, Person.first, at: link, of: bench)
        case .guess:
            let enrollment = try await link.lookUp(person.account).recipe.enrollment
            let point = try Scalar.random().publicKey()
            _ = try await link.courier.repeating(costIfLost: .maybeSpent) { () async throws(VaultClientError) in
                try await link.courier.call(
                    Evaluate(account: person.account, enrollment: enrollment, blinded: Bytes(point.sec1)))
            }
        case .grant: _ = try await Device(person.account, in: person.home).grant(1, at: link)
        case .change:
            var device = try Device(person.account, in: person.home)
            try await device.changePassword(at: link, to: password(Person.second), choice: .floor())
        case .forget:
            var device = try Device(person.account, in: person.home)
            _ = try await device.forget(at: link)
        }
    }

    /// A new device recovers, and gets what the person's own device has.
    private static func recover(_ person: Person, _ typed: String, at link: VaultLink, of bench: Bench) async throws {
        var device = try Device(person.account, in: bench.newHome())
        let outcome = try await device.recover(at: link, password: password(typed))
        guard case .recovered(let recovered) = outcome else { throw HarnessError("\(outcome)") }
        // Where the guess could not be given back, that is part of what is looked at.
        if case .failed(let error) = recovered.refund { throw error.costing(.spent) }
        let own = try Device(person.account, in: person.home).state.key
        guard device.state.key?.key.bytes.published == own?.key.bytes.published else { throw Missing.key }
    }

    /// The person's next attempt, which must work.
    func goOn(_ person: Person, at link: VaultLink, of bench: Bench) async throws {
        switch self {
        case .status, .recover, .guess:
            try await Self.recover(person, Person.first, at: link, of: bench)
        case .grant:
            try await run(person, at: link, of: bench)
        case .enroll:
            try await Self.patiently {
                var device = try Device(person.account, in: person.home)
                try await device.finish(at: link)
                if device.state.enrollment == nil {
                    try await device.enroll(
                        at: link, password: password(Person.first), choice: .floor(), exposureKnown: true)
                }
            }
            try await Self.recover(person, Person.first, at: link, of: bench)
        case .change:
            let before = try await recoverEither(person, at: link, of: bench)
            try await Self.patiently {
                var device = try Device(person.account, in: person.home)
                let first = device.state.olderKeys.isEmpty
                try await device.finish(at: link)
                if first, device.state.olderKeys.isEmpty {
                    try await device.changePassword(
                        at: link, to: password(Person.second), choice: .floor(), exposureKnown: true)
                }
            }
            try await Self.recover(person, Person.second, at: link, of: bench)
            let device = try Device(person.account, in: person.home)
            let all = (device.state.olderKeys + [device.state.key].compactMap { $0 }).map { $0.key.bytes.published }
            // No key that ever worked is lost.
            #expect(all.contains(before))
            #expect(device.state.toBurn.isEmpty && device.state.pending == nil)
        case .forget:
            try await Self.patiently {
                var device = try Device(person.account, in: person.home)
                if device.state.enrollment != nil || !device.state.toBurn.isEmpty {
                    _ = try await device.forget(at: link)
                }
                #expect(device.state.toBurn.isEmpty && device.state.key != nil)
            }
            #expect(try bench.rows().allSatisfy { $0.account != person.account.id })
        }
    }

    /// Whoever has nothing but passwords gets a key by one of them.
    private func recoverEither(_ person: Person, at link: VaultLink, of bench: Bench) async throws -> [UInt8] {
        for typed in [Person.second, Person.first] {
            var device = try Device(person.account, in: bench.newHome())
            if case .recovered(let recovered) = try await device.recover(at: link, password: password(typed)) {
                return recovered.key.key.bytes.published
            }
        }
        throw Missing.key
    }

    /// Until the vault has noticed that the last attempt's connection is gone.
    private static func patiently(_ body: () async throws -> Void) async throws {
        for _ in 0..<200 {
            do {
                return try await body()
            } catch let error as VaultClientError where error.reason == .fault(.enrollmentUnderWay) {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        throw HarnessError("the vault does not notice that a device has gone")
    }
}
