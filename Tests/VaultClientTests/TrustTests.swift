import Endorsement
import OPRF
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// A vault that cannot be trusted is asked nothing further.
@Suite struct TrustTests {
    static func refusal(
        of claim: Describe.Reply, known: KnownVaults = KnownVaults(), expectedName: Name? = nil
    ) async throws -> TrustRefusal? {
        let impostor = Impostor { (_, _) throws(VaultClientError) in claim }
        let policy = TrustPolicy(
            authorities: Authorities(own: []), known: known, expectedName: expectedName, allowEmulated: true
        ) { _ in
            Issue.record("the person was asked about a vault that proved nothing")
            return true
        }
        do throws(VaultClientError) {
            _ = try await VaultLink.open(TestDialer(connection: impostor), trust: policy, retryDelays: [])
            return nil
        } catch {
            #expect(impostor.names == ["Describe"])
            #expect(error.guess == .notSpent)
            guard case .notTrusted(let refusal) = error.reason else { throw error }
            return refusal
        }
    }

    static func claim(_ endorsementKey: PublicArea) -> Describe.Reply {
        Describe.Reply(
            suite: "tenpin-1", endorsementKey: Bytes(endorsementKey.tpm2b), certificate: Bytes([]), intermediates: [],
            parent: Bytes([]), freeSlots: 1, emulated: false)
    }

    @Test("another suite is refused")
    func suite() async throws {
        var claim = Self.claim(try Fixture.vault().endorsementKey)
        claim.suite = "tenpin-2"
        #expect(try await Self.refusal(of: claim) == .suite("tenpin-2"))
    }

    @Test("an endorsement key that no chip is made with is refused")
    func endorsementKey() async throws {
        let parent = try await Self.refusal(of: Self.claim(try Fixture.vault().parent))
        #expect(parent?.description.contains("the attribute userWithAuth is clear") == false)
        #expect(parent?.description.contains("the attribute noDA is set") == true)
        var area = try Fixture.vault().endorsementKey
        area.attributes.remove(.restricted)
        guard case .template(let difference) = try await Self.refusal(of: Self.claim(area)) else {
            return #expect(Bool(false), "a key with another template was not refused")
        }
        #expect(difference.template == .p256 && difference.fields == ["the attribute restricted is clear"])
        var claim = Self.claim(area)
        claim.endorsementKey = Bytes([0, 1])
        #expect(try await Self.refusal(of: claim) == .endorsementKey)
    }

    @Test("another vault than the pinned or the named one is refused before its certificate is looked at")
    func pins() async throws {
        let area = try Fixture.vault().endorsementKey
        let pinned = try Fixture.name()
        let known = KnownVaults([.init(name: pinned, address: "unix:/test", date: "2025-01-31")])
        #expect(
            try await Self.refusal(of: Self.claim(area), known: known)
                == .changed(address: "unix:/test", pinned: [pinned], shown: area.name))
        #expect(
            try await Self.refusal(of: Self.claim(area), expectedName: pinned)
                == .notTheNamed(expected: pinned, shown: area.name))
    }

    @Test("a vault without a readable certificate is refused, pinned or not")
    func certificate() async throws {
        let area = try Fixture.vault().endorsementKey
        let known = KnownVaults([.init(name: area.name, address: "unix:/test", date: "2025-01-31")])
        for known in [KnownVaults(), known] {
            #expect(try await Self.refusal(of: Self.claim(area), known: known) == .certificate(.malformed))
        }
    }
}
