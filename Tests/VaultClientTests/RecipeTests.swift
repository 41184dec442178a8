import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

@Suite struct RecipeTests {
    static func changed(_ change: (inout Recipe) -> Void) throws -> Recipe {
        var recipe = try Fixture.recipe()
        change(&recipe)
        return recipe
    }

    static func refusal(of recipe: Recipe) throws -> RecipeFlaw? {
        let (account, vault) = (try Fixture.account(), try Fixture.vault())
        do throws(VaultClientError) {
            _ = try CheckedRecipe(recipe, for: account).entry(at: vault)
            return nil
        } catch {
            #expect(error.guess == .notSpent)
            guard case .recipe(let flaw) = error.reason else { throw error }
            return flaw
        }
    }

    @Test("the recipe of this account and this vault is taken")
    func taken() throws {
        #expect(try Self.refusal(of: Fixture.recipe()) == nil)
    }

    @Test("a recipe with a field that cannot be is refused for that field")
    func refused() throws {
        func flaw(_ change: (inout Recipe) -> Void) throws -> RecipeFlaw? {
            try Self.refusal(of: Self.changed(change))
        }
        let other = try Account("mallory")
        #expect(try flaw { $0.suite = "tenpin-2" } == .suite("tenpin-2"))
        #expect(try flaw { $0.account = other } == .account)
        #expect(try flaw { $0.generation = 0 } == .generation)
        #expect(try flaw { $0.threshold = 0 } == .sharing(.threshold(0)))
        #expect(try flaw { $0.threshold = 2 } == .sharing(.threshold(2)))
        #expect(try flaw { $0.vaults = [] } == .sharing(.vaults(0)))
        #expect(try flaw { $0.vaults = .init(repeating: $0.vaults[0], count: 10) } == .sharing(.vaults(10)))
        // One vault of several that is content with itself alone.
        #expect(try flaw { $0.vaults.append($0.vaults[0]) } == .sharing(.threshold(1)))
        #expect(
            try flaw {
                $0.vaults.append($0.vaults[0])
                $0.threshold = 2
            } == .sharing(.twice))
        #expect(
            try flaw {
                $0.vaults.append($0.vaults[0])
                $0.threshold = 3
            } == .sharing(.threshold(3)))
        #expect(
            try flaw { $0.vaults[0].endorsementName = Bytes([0, 0x0B] + .init(repeating: 9, count: 32)) } == .otherVault
        )
        #expect(
            try flaw { $0.vaults[0].parentName = Bytes([0, 0x0B] + .init(repeating: 9, count: 32)) } == .otherParent)
        #expect(try flaw { $0.vaults[0].authorityHash = "sha384" } == .authorityHash("sha384"))
        #expect(try flaw { $0.vaults[0].slot = 0x017F_FFFF } == .slot(0x017F_FFFF))
        #expect(try flaw { $0.vaults[0].slot = 0x01C0_0000 } == .slot(0x01C0_0000))
        #expect(try flaw { $0.vaults[0].limit = 0 } == .limit(0))
        #expect(try flaw { $0.vaults[0].limit = 1001 } == .limit(1001))
        for name in ["", "000b", "000c" + String(repeating: "22", count: 48), String(repeating: "22", count: 34)] {
            #expect(try flaw { $0.vaults[0].evaluationKeyName = Bytes(hex(name)) } == .evaluationKeyName)
        }
    }

    @Test(
        "work out of range is refused before memory is taken",
        arguments: [(65535, 3), (1_048_577, 3), (4_294_967_295, 3), (65536, 2), (65536, 11), (0, 0)]
            as [(UInt32, UInt32)])
    func work(memory: UInt32, passes: UInt32) throws {
        let recipe = try Self.changed {
            $0.memory = memory
            $0.passes = passes
        }
        #expect(try Self.refusal(of: recipe) == .work(memory: memory, passes: passes))
    }

    @Test("a pin allows no recipe that differs in any field, and no other confirmation")
    func pinned() throws {
        let confirmation = Bytes([UInt8](repeating: 1, count: 32))
        let pin = PinnedRecipe(hash: try Fixture.recipe().hash, confirmation: confirmation.bytes)
        #expect(pin.allows(try Fixture.recipe(), confirmation: confirmation))
        #expect(!pin.allows(try Fixture.recipe(), confirmation: Bytes([UInt8](repeating: 2, count: 32))))
        let id = try #require(EnrollmentID([UInt8](repeating: 9, count: 16)))
        let changes: [(inout Recipe) -> Void] = [
            { $0.enrollment = id }, { $0.generation = 2 }, { $0.memory = 65537 }, { $0.passes = 4 },
            { $0.vaults[0].slot += 1 }, { $0.vaults[0].limit = 11 },
            { $0.vaults[0].evaluationKeyName = Bytes([0, 0x0B] + .init(repeating: 9, count: 32)) },
        ]
        for change in changes {
            #expect(!pin.allows(try Self.changed(change), confirmation: confirmation))
        }
    }
}
