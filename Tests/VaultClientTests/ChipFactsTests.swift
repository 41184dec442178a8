import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

@Suite struct ChipFactsTests {
    @Test("an emulated chip's answer gives its maker, and tells that it is emulated")
    func emulated() throws {
        let facts = try ChipFacts(answer: hex(Fixture.makerAnswer))
        #expect(facts.manufacturer == "IBM" && facts.vendorString == "SW   TPM")
        #expect(facts.firmwareVersion == "8217.4131.22.13878")
        #expect(
            facts.identity(Fixture.certificate).emulation == [.manufacturer("IBM"), .vendorString("SW   TPM")])
    }

    @Test("a chip of another maker is not held to be emulated")
    func real() throws {
        let answer = Fixture.makerAnswer
            .replacing("0000010549424d00", with: "0000010549465800").replacing("0653572020", with: "06534c4239")
            .replacing("072054504d", with: "0736373000")
        let facts = try ChipFacts(answer: hex(answer))
        #expect(facts.manufacturer == "IFX" && facts.vendorString == "SLB9670")
        #expect(facts.identity(Fixture.certificate).emulation.isEmpty)
    }

    @Test("an answer to another question is refused: another property, capability or number, cut short, extended")
    func refused() throws {
        let answer = hex(Fixture.makerAnswer)
        for index in [0, 1, 4, 8, 9, 12, 17, 20, 28] {
            var changed = answer
            changed[index] ^= 4
            #expect(throws: TrustRefusal.capability) { _ = try ChipFacts(answer: changed) }
        }
        #expect(throws: TrustRefusal.capability) { _ = try ChipFacts(answer: Array(answer.dropLast())) }
        #expect(throws: TrustRefusal.capability) { _ = try ChipFacts(answer: answer + [0]) }
        #expect(throws: TrustRefusal.capability) { _ = try ChipFacts(answer: []) }
    }

    @Test("the largest digest is read, and an answer about another property is refused")
    func largestDigest() throws {
        #expect(try ChipFacts.largestDigest(answer: hex("0100000006000000010000012000000040")) == 64)
        #expect(throws: TrustRefusal.capability) {
            _ = try ChipFacts.largestDigest(answer: hex("0100000006000000010000011f00000040"))
        }
    }

    static func record(_ ceiling: UInt32, granted: UInt32 = 0) -> CeilingRecord {
        CeilingRecord(
            ceiling: ceiling, nonceTPM: Bytes([]), signature: Bytes([]),
            granted: Granted(guesses: granted, mac: Bytes([])))
    }

    @Test("guesses that no recovery stands for are counted, whatever the record explains")
    func unproven() {
        func unproven(_ count: UInt32, _ ceiling: UInt32, _ record: CeilingRecord?) -> UInt32 {
            Ceiling(proven: SlotCount(count: count, ceiling: ceiling), record: record, limit: 10).unproven(limit: 10)
        }
        // Fresh: the enrollment's own evaluation, given back.
        #expect(unproven(1, 11, Self.record(11)) == 0)
        // Three recoveries and two others.
        #expect(unproven(6, 14, Self.record(14)) == 2)
        // Five granted: they are no recoveries.
        #expect(unproven(4, 18, Self.record(18, granted: 5)) == 1)
        // A lost record overstates and never hides.
        #expect(unproven(6, 14, nil) == 6)
        #expect(unproven(6, 14, Self.record(12)) == 4)
        // A raise that was signed and held back.
        #expect(unproven(6, 13, Self.record(14)) == 2)
    }

    @Test("the next ceiling goes on from the highest that was signed")
    func last() {
        func last(_ ceiling: UInt32, _ record: CeilingRecord?) -> UInt32 {
            Ceiling(proven: SlotCount(count: 1, ceiling: ceiling), record: record, limit: 10).last
        }
        #expect(last(11, Self.record(11)) == 11)
        #expect(last(11, Self.record(12)) == 12)
        #expect(last(15, Self.record(12)) == 15)
        #expect(last(15, nil) == 15)
        #expect(last(10, nil) == 10)
    }

    @Test("a record is believed only with the limit key's signature and the grant's MAC, over its own ceiling")
    func vouching() throws {
        let slot = try NonceTests.slot(at: Impostor { (_, _) throws(VaultClientError) in throw .connectionLost })
        let key = try LimitKeys.limitKey(
            seed: shared(0x33).bytes, enrollment: Fixture.enrollment(), endorsementName: Fixture.name(),
            authority: Fixture.vault().authority)
        let nonce = [UInt8](repeating: 7, count: 32)
        let grantKey = LimitKeys.grantKey(
            seed: shared(0x33).bytes, enrollment: try Fixture.enrollment(), endorsementName: try Fixture.name())
        let good = CeilingRecord(
            ceiling: 11, nonceTPM: Bytes(nonce),
            signature: Bytes(try key.sign(SignedAct(.ceiling(11), of: slot.profile, nonceTPM: nonce)).p1363),
            granted: Granted(
                guesses: 0, mac: Bytes(HMACSHA256.tag(of: bigEndian(11) + bigEndian(0), key: grantKey))))
        let isGood = slot.vouches(for: good)
        #expect(isGood)
        let changes: [(inout CeilingRecord) -> Void] = [
            { $0.ceiling = 12 }, { $0.nonceTPM = Bytes([]) }, { $0.nonceTPM = Bytes([UInt8](repeating: 8, count: 32)) },
            { $0.signature = Bytes([UInt8](repeating: 1, count: 64)) }, { $0.signature = Bytes([]) },
            { $0.granted.guesses = 1 }, { $0.granted.mac = Bytes([]) },
        ]
        for change in changes {
            var record = good
            change(&record)
            let isBelieved = slot.vouches(for: record)
            #expect(!isBelieved)
        }
    }
}
