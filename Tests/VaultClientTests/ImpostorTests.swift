import Foundation
import OPRF
import Passwords
import Secrets
import Testing
import VaultAPI

@testable import VaultClient

/// What a device says to something that is not the vault.
@Suite struct ImpostorTests {
    static func recover(
        _ text: String, from impostor: Impostor, pinned: PinnedRecipe? = nil
    ) async throws -> RecoverOutcome {
        let typed = try password(text)
        return try await Recovery(
            fleet: Fleet(Fixture.link(to: impostor)), account: try Fixture.account(), pinned: pinned
        ).run(typed)
    }

    @Test("an impostor gets nothing that depends on the password but a uniform point")
    func nothingLeaks() async throws {
        var seen: [[Impostor.Message]] = []
        var elements: Set<[UInt8]> = []
        for text in ["correct horse", "battery staple", "correct horse"] {
            let impostor = try Impostor.evaluating(recipe: try Fixture.recipe())
            guard case .wrongPassword(guessesLeft: 9) = try await Self.recover(text, from: impostor) else {
                Issue.record("an impostor's evaluation was taken for the right one")
                continue
            }
            #expect(impostor.names == ["LookUp", "Evaluate"])
            let blinded = try #require(Self.blinded(impostor.messages[1].text))
            _ = try Element(sec1: blinded)
            elements.insert(blinded)
            seen.append(
                impostor.messages.map { .init(name: $0.name, text: Self.withoutElement($0.text)) })
        }
        #expect(seen.count == 3 && seen.allSatisfy { $0 == seen[0] })
        // A fresh blind each time: the same password does not give the same element twice.
        #expect(elements.count == 3)
    }

    static func blinded(_ text: String) -> [UInt8]? {
        guard let range = text.range(of: #""blinded":""#) else { return nil }
        let base64 = text[range.upperBound...].prefix { $0 != "\"" }
        return Array(Data(base64Encoded: String(base64).replacing("\\/", with: "/")) ?? Data())
    }

    static func withoutElement(_ text: String) -> String {
        text.replacing(/"blinded":"[^"]*"/, with: "")
    }

    @Test("a recipe or confirmation that the backup does not name is refused before a guess is spent")
    func pinned() async throws {
        let recipe = try Fixture.recipe()
        for pin in [
            PinnedRecipe(hash: [UInt8](repeating: 0, count: 32), confirmation: nil),
            PinnedRecipe(hash: recipe.hash, confirmation: [UInt8](repeating: 2, count: 32)),
        ] {
            let impostor = try Impostor.evaluating(recipe: recipe)
            await #expect(throws: VaultClientError(.recipe(.notThePinned))) {
                _ = try await Self.recover("password", from: impostor, pinned: pin)
            }
            #expect(impostor.names == ["LookUp"])
        }
    }

    @Test("a recipe that asks for too much or too little work is refused before a guess is spent")
    func work() async throws {
        for memory in [1024, 2_000_000] as [UInt32] {
            var recipe = try Fixture.recipe()
            recipe.memory = memory
            let impostor = try Impostor.evaluating(recipe: recipe)
            await #expect(throws: VaultClientError(.recipe(.work(memory: memory, passes: 3)))) {
                _ = try await Self.recover("password", from: impostor)
            }
            #expect(impostor.names == ["LookUp"])
        }
    }

    @Test("a confirmation of another size is refused before a guess is spent", arguments: [0, 31, 33])
    func confirmationSize(size: Int) async throws {
        let impostor = try Impostor.evaluating(
            confirmation: [UInt8](repeating: 0, count: size), recipe: try Fixture.recipe())
        await #expect(throws: VaultClientError(.recipe(.confirmation(size)))) {
            _ = try await Self.recover("password", from: impostor)
        }
        #expect(impostor.names == ["LookUp"])
    }

    @Test("a lost reply is asked for again with the same element")
    func lostReply() async throws {
        let impostor = try Impostor.evaluating(recipe: try Fixture.recipe(), losing: [1, 2])
        guard case .wrongPassword = try await Self.recover("password", from: impostor) else {
            Issue.record("not a wrong password")
            return
        }
        #expect(impostor.names == ["LookUp", "Evaluate", "Evaluate", "Evaluate"])
        #expect(Set(impostor.messages.dropFirst().map(\.text)).count == 1)
    }

    @Test("a guess whose replies are all lost may be spent, and is not asked for without end")
    func allLost() async throws {
        let impostor = try Impostor.evaluating(recipe: try Fixture.recipe(), losing: Set(1..<100))
        await #expect(throws: VaultClientError(.connectionLost, .maybeSpent)) {
            _ = try await Self.recover("password", from: impostor)
        }
        #expect(impostor.names.count == 4)
    }

    @Test("a chip at its ceiling is an outcome, and no guess is spent")
    func lockedOut() async throws {
        let recipe = try Fixture.recipe()
        let impostor = Impostor { (method, _) throws(VaultClientError) in
            guard method is LookUp else { throw .fault(.lockedOut) }
            return LookUp.Reply(
                recipe: recipe, confirmation: Bytes([UInt8](repeating: 1, count: 32)), bundle: Bytes([]),
                olderKeys: Bytes([]), ceilingRecord: nil, count: 11, ceiling: 11, replaced: [])
        }
        guard case .lockedOut = try await Self.recover("password", from: impostor) else {
            Issue.record("not locked out")
            return
        }
    }

    @Test("an answer that is not a point ends the recovery, and says that a guess was spent")
    func notAPoint() async throws {
        let recipe = try Fixture.recipe()
        let impostor = Impostor { (method, _) throws(VaultClientError) in
            guard method is LookUp else {
                return Evaluate.Reply(evaluated: Bytes([0]), guessesLeft: 9)
            }
            return LookUp.Reply(
                recipe: recipe, confirmation: Bytes([UInt8](repeating: 1, count: 32)), bundle: Bytes([]),
                olderKeys: Bytes([]), ceilingRecord: nil, count: 1, ceiling: 11, replaced: [])
        }
        await #expect(throws: VaultClientError(.oprf(.notAnElement(.size)), .spent)) {
            _ = try await Self.recover("password", from: impostor)
        }
        #expect(impostor.names == ["LookUp", "Evaluate"])
        let text = VaultClientError(.oprf(.notAnElement(.size)), .spent).description
        #expect(text.hasSuffix("A guess was spent.") && !text.contains("no guess"))
    }
}
