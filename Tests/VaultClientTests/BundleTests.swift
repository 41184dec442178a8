import Secrets
import TPM
import Testing
import VaultAPI

@testable import VaultClient

@Suite struct BundleTests {
    static let context = [UInt8](repeating: 3, count: 32)

    static func encrypted() throws -> [UInt8] {
        BundleContents(
            backupKey: shared(1).bytes.duplicate(), limitSeed: shared(2).bytes.duplicate(), generation: 0x0102_0304
        ).encrypted(key: shared(9).bytes, context: context, endorsementName: try Fixture.name())
    }

    static func open(
        _ bytes: [UInt8], key: UInt8 = 9, context: [UInt8] = context, name: Name? = nil,
        generation: UInt32 = 0x0102_0304
    ) throws -> Result<(SharedSecret, SharedSecret), BundleFlaw> {
        let fixed = try Fixture.name()
        do throws(BundleFlaw) {
            let contents = try BundleContents(
                opening: bytes, key: shared(key).bytes, context: context, endorsementName: name ?? fixed,
                generation: generation)
            return .success(
                (SharedSecret(contents.backupKey.duplicate()), SharedSecret(contents.limitSeed.duplicate())))
        } catch {
            return .failure(error)
        }
    }

    @Test("a bundle has exactly 109 bytes and gives back what went in")
    func roundTrip() throws {
        let bytes = try Self.encrypted()
        #expect(bytes.count == 109 && bytes.count == BundleProfile.size)
        let (key, seed) = try Self.open(bytes).get()
        #expect(holds(key, 1) && holds(seed, 2))
    }

    @Test("another key, context, chip or generation, a flipped bit or another size does not open a bundle")
    func refused() throws {
        let bytes = try Self.encrypted()
        func flaw(_ result: Result<(SharedSecret, SharedSecret), BundleFlaw>) -> BundleFlaw? {
            if case .failure(let flaw) = result { flaw } else { nil }
        }
        #expect(flaw(try Self.open(bytes, key: 8)) == .notAuthentic)
        #expect(flaw(try Self.open(bytes, context: [UInt8](repeating: 4, count: 32))) == .notAuthentic)
        #expect(flaw(try Self.open(bytes, name: Name(Handle.owner))) == .notAuthentic)
        #expect(flaw(try Self.open(bytes, generation: 1)) == .generation)
        #expect(flaw(try Self.open(Array(bytes.dropLast()))) == .size(108))
        #expect(flaw(try Self.open(bytes + [0])) == .size(110))
        for index in bytes.indices {
            var flipped = bytes
            flipped[index] ^= 1
            #expect(flaw(try Self.open(flipped)) == .notAuthentic)
        }
    }

    @Test("a sealed bundle's unique field binds its seed: two of the same bytes differ")
    func unique() throws {
        let key = try AuthorityKey(scalar: shared(0x44).bytes)
        let bytes = try Self.encrypted()
        let first = try SealedBundle(bytes, openKey: key.point, vault: Fixture.vault())
        let second = try SealedBundle(bytes, openKey: key.point, vault: Fixture.vault())
        #expect(first.area.name != second.area.name)
    }

    static func riding(keys: Int, tickets: Int) throws -> RidingKeys {
        RidingKeys(
            older: (0..<keys).map { GenerationKey(generation: UInt32($0 + 1), key: shared(UInt8($0))) },
            tickets: try (0..<tickets).map { index in
                BurnTicket(
                    enrollment: try #require(EnrollmentID([UInt8](repeating: UInt8(0x40 + index), count: 16))),
                    slot: 0x0180_0000 + UInt32(index), authorityHash: "sha384",
                    endorsementName: try Fixture.name().bytes, limitSeed: shared(UInt8(0x80 + index)))
            })
    }

    @Test("older keys and tickets ride along and come back")
    func ridingRoundTrip() throws {
        let sealed = try Self.riding(keys: 3, tickets: 2).encrypted(under: shared(1).bytes, context: Self.context)
        let back = try RidingKeys(
            opening: sealed, under: shared(1).bytes, context: Self.context, endorsementName: try Fixture.name())
        #expect(back.older.map(\.generation) == [1, 2, 3])
        #expect(zip(back.older, UInt8(0)...).allSatisfy { $0.key.bytes.isEqual(to: shared($1).bytes) })
        #expect(back.tickets.map(\.slot) == [0x0180_0000, 0x0180_0001])
        #expect(back.tickets.allSatisfy { $0.authorityHash == "sha384" && !$0.isBurnt })
        #expect(holds(back.tickets[1].limitSeed, 0x81))
        let none = try Self.riding(keys: 0, tickets: 0).encrypted(under: shared(1).bytes, context: [])
        #expect(none.isEmpty)
    }

    @Test("older keys do not open under another key or context, or with a flipped bit")
    func ridingRefused() throws {
        let sealed = try Self.riding(keys: 1, tickets: 1).encrypted(under: shared(1).bytes, context: Self.context)
        func refused(_ bytes: [UInt8], _ key: UInt8, _ context: [UInt8]) throws {
            #expect(throws: BundleFlaw.olderKeys) {
                _ = try RidingKeys(
                    opening: bytes, under: shared(key).bytes, context: context, endorsementName: Fixture.name())
            }
        }
        try refused(sealed, 2, Self.context)
        try refused(sealed, 1, [])
        var flipped = sealed
        flipped[40] ^= 1
        try refused(flipped, 1, Self.context)
    }

    @Test("more older keys than the record holds are refused, not dropped")
    func ridingTooMany() throws {
        let most = try Self.riding(keys: 112, tickets: 0).encrypted(under: shared(1).bytes, context: [])
        #expect(most.count <= 4096)
        #expect(throws: VaultClientError(.tooManyOlderKeys)) {
            _ = try Self.riding(keys: 113, tickets: 0).encrypted(under: shared(1).bytes, context: [])
        }
    }
}
