import Foundation
import VaultAPI

@testable import VaultClient

/// The recipe, as JSON on its way in and in the canonical form that everything is derived from. The first byte says which.
enum RecipeFuzz: FuzzBody {
    static let largest = 2048

    static func take(_ bytes: [UInt8]) throws(Finding) {
        guard let kind = bytes.first else { return }
        let rest = Array(bytes.dropFirst())
        let recipe: Recipe
        if kind & 1 == 0 {
            guard let read = try? JSONDecoder().decode(Recipe.self, from: Data(rest)) else { return }
            recipe = read
        } else {
            guard let read = read(rest) else { return }
            recipe = read
            try mustEqual(recipe.canonical, rest, "the canonical form has one encoding")
        }
        // Two recipes with one canonical form would have one `ctx`, and one confirmation for both.
        try must(read(recipe.canonical) == recipe, "the canonical form says everything")
        guard let json = try? JSONEncoder().encode(recipe),
            let back = try? JSONDecoder().decode(Recipe.self, from: json)
        else { throw Finding(description: "a recipe that was read cannot be sent on") }
        try must(back == recipe && back.hash == recipe.hash, "a recipe changes on its way")
    }

    /// Reads the canonical form; written from docs/protocol.md, and nowhere in the product.
    private static func read(_ canonical: [UInt8]) -> Recipe? {
        var rest = canonical[...]
        func take(_ count: Int) -> [UInt8]? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        func number() -> UInt32? { take(4)?.reduce(0) { $0 << 8 | UInt32($1) } }
        func sized() -> [UInt8]? { take(2).flatMap { take(Int($0[0]) << 8 | Int($0[1])) } }
        func text() -> String? { sized().flatMap { String(validating: $0, as: UTF8.self) } }

        guard let suite = text(), let account = text().flatMap({ try? Account($0) }),
            let enrollment = sized().flatMap({ EnrollmentID($0) }), let generation = number(),
            let threshold = number(), let memory = number(), let passes = number(), let count = number()
        else { return nil }
        var vaults: [Recipe.Entry] = []
        while vaults.count < count {
            guard let endorsement = sized(), let parent = sized(), let hash = text(), let slot = number(),
                let limit = number(), let key = sized()
            else { return nil }
            vaults.append(
                Recipe.Entry(
                    endorsementName: Bytes(endorsement), parentName: Bytes(parent), authorityHash: hash, slot: slot,
                    limit: limit, evaluationKeyName: Bytes(key)))
        }
        guard rest.isEmpty else { return nil }
        var recipe = Recipe(
            account: account, enrollment: enrollment, generation: generation, memory: memory, passes: passes,
            vaults: vaults)
        recipe.suite = suite
        recipe.threshold = threshold
        return recipe
    }

    static func example(_ account: Account, _ id: EnrollmentID) -> Recipe {
        let name = Bytes([0, 0x0B] + [UInt8](repeating: 0x5A, count: 32))
        return Recipe(
            account: account, enrollment: id, generation: 1, memory: 262_144, passes: 3,
            vaults: [
                Recipe.Entry(
                    endorsementName: name, parentName: name, authorityHash: "sha512", slot: 0x0180_0000, limit: 10,
                    evaluationKeyName: name)
            ])
    }

    static func seeds() throws -> [[UInt8]] {
        guard let id = EnrollmentID([UInt8](repeating: 7, count: 16)) else { return [] }
        var recipe = example(try Account("käthe"), id)
        var seeds = [[0] + Array(try JSONEncoder().encode(recipe)), [1] + recipe.canonical]
        recipe.vaults += recipe.vaults
        seeds.append([1] + recipe.canonical)
        recipe.vaults = []
        seeds.append([1] + recipe.canonical)
        return seeds
    }
}
