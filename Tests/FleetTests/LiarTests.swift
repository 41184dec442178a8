import DeviceTestSupport
import Foundation
import OPRF
import Testing
import VaultAPI

@testable import VaultClient

/// Vaults that answer as they please.
@Suite struct LiarTests {
    /// How one of three vaults lies.
    enum Lie: CaseIterable, Sendable {
        case noPoint
        case pointOffTheCurve
        case anotherPoint
        /// What another vault's share gives.
        case anotherSharesPoint
        case oldRecipe
        case anotherAccountsRecipe
        case recipeOfItsOwn
        case anotherCeiling
        case anotherConfirmation
        case manyGuessesLeft
        case noCeilingRecord
        case anotherBundle
        case noProof
        case anotherProof

        /// Whether its evaluation is right and proven all the same.
        var evaluates: Bool {
            switch self {
            case .noPoint, .pointOffTheCurve, .anotherPoint, .anotherSharesPoint, .noProof, .anotherProof: false
            default: true
            }
        }

        /// Whether nothing is believed of it that matters, so that nobody need be told.
        var isHarmless: Bool { [.manyGuessesLeft, .noCeilingRecord, .anotherBundle].contains(self) }

        /// What becomes of a message at the liar's.
        func fate(_ call: HostileCourier.Call, _ foreign: JSONValue) -> HostileCourier.Fate {
            switch (self, call.method) {
            case (.noPoint, Evaluate.name): .alter { $0.setting(["evaluated"], to: .bytes([0])) }
            case (.pointOffTheCurve, Evaluate.name):
                .alter { $0.setting(["evaluated"], to: .bytes([2] + [UInt8](repeating: 0, count: 31) + [1])) }
            case (.anotherPoint, Evaluate.name):
                .alter { reply in
                    (try? Scalar.random().publicKey()).map { reply.setting(["evaluated"], to: .bytes($0.sec1)) }
                        ?? reply
                }
            case (.noProof, Evaluate.name): .alter { $0.setting(["proof"], to: .null) }
            case (.anotherProof, Evaluate.name):
                .alter { $0.setting(["proof", "hmac"], to: .bytes([UInt8](repeating: 7, count: 32))) }
            case (.anotherSharesPoint, Evaluate.name): .alter { $0.setting(["evaluated"], to: foreign) }
            case (.oldRecipe, LookUp.name): .alter { $0.setting(["recipe", "generation"], to: .number(7)) }
            case (.anotherAccountsRecipe, LookUp.name):
                .alter { $0.setting(["recipe", "account"], to: .text("mallory")) }
            case (.recipeOfItsOwn, LookUp.name): .alter { $0.setting(["recipe", "threshold"], to: .number(1)) }
            case (.anotherCeiling, LookUp.name):
                .alter { $0.setting(["recipe", "vaults", "0", "limit"], to: .number(1000)) }
            case (.anotherConfirmation, LookUp.name):
                .alter { $0.setting(["confirmation"], to: .bytes([UInt8](repeating: 7, count: 32))) }
            case (.manyGuessesLeft, LookUp.name): .alter { $0.setting(["ceiling"], to: .number(1000)) }
            case (.manyGuessesLeft, Evaluate.name): .alter { $0.setting(["guessesLeft"], to: .number(900)) }
            case (.noCeilingRecord, LookUp.name): .alter { $0.setting(["ceilingRecord"], to: .null) }
            case (.anotherBundle, Open.name):
                .alter { $0.setting(["bundle"], to: .bytes([UInt8](repeating: 7, count: 109))) }
            default: .carry
            }
        }
    }

    @Test("one of three vaults that lies keeps nobody from the key, is named, and gets no ceiling for a false answer")
    func one() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse").key()
            for (number, lie) in Lie.allCases.enumerated() {
                let liar = number % 3
                sites.begin()
                // What the generator comes to stands for an element of somebody else's.
                sites.couriers[liar].begin { lie.fate($0, .bytes(Element.generator.sec1)) }
                let recovered = try await sites.recover(alice, "correct horse").recovered
                #expect(recovered?.key.key.bytes.published == key, "\(lie)")
                let raised = sites.couriers[liar].calls(of: WriteSlot.name).count
                #expect(raised == (lie.evaluates ? 1 : 0), "\(lie)")
                let named = recovered?.troubles.contains { $0.address == sites.couriers[liar].address }
                #expect(named == !lie.isHarmless, "\(lie)")
            }
        }
    }

    @Test("with a wrong password one liar of three leaves it unjudged, and nobody is told that it was wrong")
    func unjudged() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            _ = try await sites.enroll(alice, "correct horse")
            sites.couriers[1].begin { Lie.anotherPoint.fate($0, .null) }
            let error = try await failure { _ = try await sites.recover(alice, "wrong horse") }
            guard case .notJudged = error?.reason else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.guess == .spent)
        }
    }

    @Test("two liars of three cannot make the device believe them, and a recipe of one vault alone is never followed")
    func two() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            _ = try await sites.enroll(alice, "correct horse")
            for liar in 0..<2 { sites.couriers[liar].begin { Lie.anotherPoint.fate($0, .null) } }
            let error = try await failure { _ = try await sites.recover(alice, "correct horse") }
            guard case .notJudged = error?.reason else {
                Issue.record("\(String(describing: error))")
                return
            }
            // One vault that names itself alone, while the others are silent.
            sites.begin()
            sites.couriers[1].die()
            sites.couriers[2].die()
            sites.couriers[0].begin { call in
                guard call.method == LookUp.name else { return .carry }
                return .alter { reply in
                    guard case .array(let vaults) = reply["recipe", "vaults"] else { return reply }
                    return reply.setting(["recipe", "vaults"], to: .array(Array(vaults.prefix(1))))
                        .setting(["recipe", "threshold"], to: .number(1))
                }
            }
            let alone = try await failure { _ = try await sites.recover(alice, "correct horse") }
            guard case .tooFew = alone?.reason else {
                Issue.record("\(String(describing: alone))")
                return
            }
            #expect(alone?.guess == .notSpent && sites.couriers[0].calls(of: Evaluate.name).isEmpty)
        }
    }

    @Test("with a backup at hand not even all vaults together get a guess, and one that serves what it pins is enough")
    func pinned() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let device = try await sites.enroll(alice, "correct horse")
            let pin = try #require(device.state.enrollment?.pin)
            for courier in sites.couriers { courier.begin { Lie.anotherConfirmation.fate($0, .null) } }
            let error = try await failure { _ = try await sites.recover(alice, "correct horse", pinned: pin) }
            #expect(error == VaultClientError(.recipe(.notThePinned)))
            #expect(sites.couriers.allSatisfy { $0.calls(of: Evaluate.name).isEmpty })
            // Without one it is a guess for them: that is what a backup at hand is good for.
            guard case .wrongPassword = try await sites.recover(alice, "correct horse") else {
                Issue.record("three vaults that serve one confirmation were not followed")
                return
            }

            sites.couriers[2].begin()
            let recovered = try await sites.recover(alice, "correct horse", pinned: pin).recovered
            #expect(recovered?.key.key.bytes.published == (try device.key()) && recovered?.refunds.count == 3)
        }
    }

    @Test("a vault that is set back to before the change of a password is named, and the new password works without it")
    func setBack() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            var device = try await sites.enroll(alice, "first")
            let (vault, files) = (sites.vaults[1], FileManager.default)
            let (store, chip) = (vault.home + ".before", vault.chip.stateFile.path() + ".before")
            await vault.stop()
            vault.chip.stop()
            try files.copyItem(atPath: vault.home, toPath: store)
            try files.copyItem(atPath: vault.chip.stateFile.path(), toPath: chip)
            try await vault.chip.start()
            try await vault.start()

            let fleet = try await sites.fleet()
            try await device.changePassword(at: fleet, to: password("second"), choice: .floor())
            await fleet.close()
            await vault.stop()
            vault.chip.stop()
            for (old, now) in [(store, vault.home), (chip, vault.chip.stateFile.path())] {
                try files.removeItem(atPath: now)
                try files.moveItem(atPath: old, toPath: now)
            }
            try await vault.chip.start()
            try await vault.start()

            let recovered = try await sites.recover(alice, "second").recovered
            #expect(recovered?.key.key.bytes.published == (try device.key()))
            #expect(recovered?.troubles.map(\.address) == [sites.couriers[1].address])
            // One share of the old key is worth nothing.
            let error = try await failure { _ = try await sites.recover(alice, "first", at: [1]) }
            #expect(error?.guess == .notSpent)
        }
    }
}
