import Crypto
import Explain
import TPM
import TestSupport
import Testing

/// What is said of Tenpin's own objects, and of others that look alike.
@Suite("An explanation")
struct ExplanationTests {
    private static let authority = try? AuthorityProfile(largestDigest: 64, endorsementName: Name(.endorsement))

    private static func slot() throws -> SlotProfile {
        // Some keys' Names are not used; the next one is.
        while true {
            let key = P256Point(P256.Signing.PrivateKey().publicKey)
            if let slot = try? SlotProfile(
                handle: Handle(0x0180_0000), authority: try #require(authority), limitKey: key)
            {
                return slot
            }
        }
    }

    private static func explain(_ area: NVPublic, _ policies: Policy...) -> Explanation {
        Explainer(candidates: policies).explain(.index(area), title: "an index")
    }

    private static func explain(_ area: PublicArea, _ policies: Policy...) throws -> Explanation {
        Explainer(candidates: policies).explain(.object(try ObjectArea(area)), title: "a key")
    }

    @Test("of a slot names each way and what is refused, and says that the limit holds")
    func slotExplained() throws {
        let slot = try Self.slot()
        let area = slot.publicArea(written: true)
        let explainer = Explainer(
            candidates: [slot.policy], glossary: Glossary([slot.limitKeyName: "the limit key of alice"]),
            counters: [area.name: PINCount(count: 3, limit: 11)])
        let explanation = explainer.explain(.index(area), title: "the slot")
        #expect(explanation.policy == .known)
        #expect(
            explanation.ways.map(\.commands) == [
                ["NV_Read", "NV_Certify", "PolicyNV", "PolicySecret"], ["NV_Write"], ["NV_Read"], ["NV_Certify"],
                ["NV_UndefineSpace"],
            ])
        #expect(explanation.ways[0].often.contains("3 of 11 are used, 8 are left"))
        #expect(explanation.ways[1].needs.first?.hasPrefix("The limit key of alice (") == true)
        #expect(explanation.ways[2].needs == ["Nothing: anyone at the chip may do it."])
        let refused = Set(explanation.impossible.map(\.what))
        #expect(
            refused.isSuperset(of: [
                "Writing it by the owner", "Reading it by the platform", "Writing it with its authorization value",
                "Changing its authorization value", "Locking it against writes", "Losing it at a restart",
            ]))
        #expect(explanation.remarks.contains { $0.hasPrefix("The limit of uses of its authorization value holds") })
        let text = explanation.text
        #expect(text.contains("├─ way 1") && text.contains("└─ way 3") && text.contains("3 of 11"))
    }

    @Test(
        "of a PIN index says what takes the limit away",
        arguments: [
            (NVAttributes.ownerWrite, "OWNERWRITE"), (.ppWrite, "PPWRITE"), (.orderly, "ORDERLY"),
            (.policyRead, "anyone write it"),
        ])
    func holes(bit: NVAttributes, word: String) {
        let open = Policy(.or([Policy(.commandCode(.nvWrite)), Policy(.commandCode(.nvRead))]))
        let shut = Policy(.signed(key: Name(.owner), reference: []), .commandCode(.nvWrite))
        let policy = word == "anyone write it" ? open : shut
        let area = NVPublic(
            index: Handle(0x0180_0000), nameAlgorithm: .sha256,
            attributes: [.policyWrite, .authRead, .noDA, .pinPass, .written, bit], authPolicy: policy.digest(),
            dataSize: 8)
        let remarks = Self.explain(area, policy).remarks
        #expect(remarks.contains { $0.contains("does not hold against everyone") && $0.contains(word) })
    }

    @Test("of an evaluation key allows one command, and without PolicyCommandCode names those that nobody meant")
    func commandCode() throws {
        let slot = try Self.slot()
        let key = P256Point(P256.Signing.PrivateKey().publicKey)
        var area = EvaluationKeyProfile.publicArea(key, slot: slot)
        let explanation = try Self.explain(area, EvaluationKeyProfile.policy(slot: slot))
        #expect(explanation.ways.map(\.commands) == [["ECDH_ZGen"]])
        #expect(explanation.impossible.contains { $0.what.contains("ZGen_2Phase") && $0.what.hasSuffix("in any way") })
        #expect(explanation.impossible.contains { $0.what == "Duplicating it" })

        let careless = Policy(steps: [try #require(EvaluationKeyProfile.policy(slot: slot).steps.first)])
        area.authPolicy = careless.digest()
        let other = try Self.explain(area, careless)
        #expect(other.ways.map(\.commands) == [["ECDH_ZGen", "ZGen_2Phase", "ECC_Decrypt"]])
        #expect(other.remarks.contains { $0.contains("names no command") && $0.contains("ZGen_2Phase") })
    }

    @Test("of an object whose policy nobody gave says that it is unknown")
    func unknown() throws {
        let explanation = try Self.explain(ParentProfile.template, Policy(.authValue))
        #expect(explanation.policy == .unknown && explanation.tree == nil)
        #expect(explanation.text.contains("unknown"))
        #expect(explanation.remarks.contains { $0.hasPrefix("Its policy is unknown, and may allow") })
    }

    @Test("says where the authorization value goes around the policy")
    func userWithAuth() throws {
        var area = ParentProfile.template
        area.attributes.insert(.userWithAuth)
        area.attributes.remove(.noDA)
        let explanation = try Self.explain(area, ParentProfile.policy)
        #expect(explanation.remarks.contains { $0.hasPrefix("userWithAuth is set") })
        #expect(explanation.ways.first?.commands.contains("Rewrap") == true)
        #expect(explanation.ways.first?.often.contains("lockout") == true)
        let proper = try Self.explain(ParentProfile.template, ParentProfile.policy)
        #expect(proper.ways.map(\.commands) == [["Import"], ["Load"]])
        #expect(proper.impossible.contains { $0.what.contains("Rewrap") })
    }

    @Test("counts an approved policy as any policy, and a way that contradicts itself as none")
    func approvals() throws {
        var area = ParentProfile.template
        let authority = Name(.owner)
        let approved = Policy(.commandCode(.load), .authorize(key: authority, reference: []))
        area.authPolicy = approved.digest()
        let explanation = try Self.explain(area, approved)
        #expect(explanation.ways.first?.commands.contains("ObjectChangeAuth") == true)
        #expect(explanation.remarks.contains { $0.contains("can name any command") })

        let never = Policy(.commandCode(.load), .commandCode(.import))
        area.authPolicy = never.digest()
        let other = try Self.explain(area, never)
        #expect(other.ways.isEmpty)
        #expect(other.impossible.contains { $0.why.hasPrefix("it asks for two things") })
    }

    @Test("takes each of the four structures of a file, whole and nothing else")
    func files() throws {
        let slot = try Self.slot().publicArea(written: false)
        let parent = ParentProfile.template
        #expect(try PublicFile(parent.tpm2b) == .object(try ObjectArea(parent)))
        #expect(try PublicFile(parent.bytes) == .object(try ObjectArea(parent)))
        #expect(try PublicFile(slot.tpm2b) == .index(slot))
        #expect(try PublicFile(slot.bytes) == .index(slot))
        for bytes in [parent.tpm2b, parent.bytes, slot.tpm2b, slot.bytes] {
            for count in 0..<bytes.count {
                #expect(throws: ExplainError.self) { try PublicFile(Array(bytes.prefix(count))) }
            }
            #expect(throws: ExplainError.self) { try PublicFile(bytes + [0]) }
        }
    }
}
