import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("What the product starts or loads, it ends, also when the chip refuses")
struct ScopeTests {
    @Test("an import, a load, an evaluation or a read that is refused leaves nothing in the chip")
    func refused() async throws {
        try await withEnrolledChip(limit: 1) { enrolled in
            let (chip, blob) = (enrolled.chip, enrolled.evaluationKey)
            var duplicate = blob.sealed.duplicate
            duplicate[40] ^= 1
            let garbled = Sealed(duplicate: duplicate, encryptedSeed: blob.sealed.encryptedSeed)
            #expect(throws: ChipError.refused(.import, .importIntegrity)) {
                _ = try chip.take(garbled, of: blob.area, under: enrolled.parent)
            }
            var other = blob.area
            other.attributes.insert(.userWithAuth)
            #expect(throws: ChipError.refused(.import, .importIntegrity)) {
                _ = try chip.take(blob.sealed, of: other, under: enrolled.parent)
            }
            var altered = blob.private
            altered[40] ^= 1
            #expect(throws: ChipError.refused(.load, .integrity)) {
                try chip.withLoaded(blob.area, private: altered, under: enrolled.parent) { _ in }
            }
            #expect(throws: ChipError.refused(.load, .integrity)) {
                try chip.withLoaded(other, private: blob.private, under: enrolled.parent) { _ in }
            }
            try enrolled.evaluate()
            #expect(throws: ChipError.refused(.policyNV, .authUnavailable)) { try enrolled.evaluate() }
            let absent = try SlotProfile(
                handle: Handle(0x0188_0099), authority: enrolled.authority, limitKey: enrolled.slot.limitKey)
            #expect(throws: ChipError.self) { _ = try chip.read(absent) }
            #expect(try enrolled.courier.held().isEmpty)
        }
    }

    @Test("what an earlier program left behind is flushed")
    func leftovers() async throws {
        try await withEnrolledChip { enrolled in
            let chip = enrolled.chip
            let saved = try chip.startSession(.policy).handle
            try chip.run(.contextSave(saved))
            let loaded = try chip.startSession(.hmac).handle
            let object = try enrolled.load(enrolled.bundle)
            // A saved policy session is listed under the number of an HMAC session.
            let held = try enrolled.courier.held()
            #expect(held.contains(loaded) && held.contains(object) && held.count == 3, "\(held), \(saved)")
            try chip.flushLeftovers()
            #expect(try enrolled.courier.held().isEmpty)
        }
    }
}
