import Crypto
import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// Every derivation of the suite, against values made with Python's hashlib and hmac, argon2-cffi and `cryptography`:
///
///     ctx          = sha256(lp("tenpin-1 recipe") + canonical)
///     prk          = hmac(0^32, output + argon2id(output, salt=ctx[:16], t=3, m=65536, p=1, 32))
///     confirmation = hkdf_expand(prk, lp("tenpin-1") + lp("confirmation") + lp(ctx), 32)
///     open key     = int(hkdf_expand(prk, ... lp("open") + lp(ctx) + lp(name) + counter, 48)) % (n-1) + 1
///     limit key    = the same from hmac(0^32, seed), ... lp("limit") + lp(enrollment) + lp(name) + counter
@Suite struct KnownAnswerTests {
    static let output = Array(UInt8(0)..<32)

    static func keys() async throws -> PasswordKeys {
        let checked = try CheckedRecipe(Fixture.recipe(), for: Fixture.account())
        return try await PasswordKeys(output: secret(output), recipe: checked, onStep: { _ in })
    }

    @Test("the recipe's hash is that of its canonical form")
    func context() throws {
        #expect(hex(try Fixture.recipe().hash) == "fec187620893b59590b8ca070008291d609f6b7acc20b9e7480d02cbd078beab")
    }

    @Test("confirmation, bundle key and open key come from the stretched output")
    func passwordKeys() async throws {
        let keys = try await Self.keys()
        let confirmation = hex(keys.confirmation.published)
        #expect(confirmation == "d6f0971fe05ce3ae59b9a8d445cf7607881ba70c7d8e2799cef320ed10061be8")
        let bundleKey = hex(try keys.bundleKey(at: Fixture.name()).published)
        #expect(bundleKey == "5a48ca722ec663c985eda9b2e480c936a3f1feb7004dc8497ab401a5d9303937")
        let openKey = hex(try keys.openKey(at: Fixture.name(), Fixture.vault().authority).published)
        #expect(openKey == "a086b2b40c52a60a734f893e3c2ebb2ea0d598e87984e8420705a337ccbef16e")
    }

    @Test("the limit key comes from seed, enrollment and chip")
    func limitKey() throws {
        let key = try LimitKeys.limitKey(
            seed: shared(0x33).bytes, enrollment: Fixture.enrollment(), endorsementName: Fixture.name(),
            authority: Fixture.vault().authority)
        let expected = try AuthorityKey(
            scalar: secret(hex("b347f0d014389660a891ea2d38971ed7536f213fd39fc7503a0f325470f26db6")))
        #expect(key.point == expected.point)
    }

    @Test("a key whose Name ends in a small number gives way to the next counter's")
    func secondCounter() throws {
        let seed = secret(hex("000008a4") + [UInt8](repeating: 0, count: 28))
        let authority = try Fixture.vault().authority
        let first = try AuthorityKey(
            scalar: secret(hex("0ead257e3c33ef9e3fcd8ec960cb83a7a2156c0b21b91514373b93671f3b6783")))
        let second = try AuthorityKey(
            scalar: secret(hex("e682cb740cd7fa33689630d3faf1dd63d78e281beb4c27d787347d82df699e0b")))
        #expect(authority.publicArea(first.point).name.bytes.suffix(8).starts(with: [0, 0]))
        let derived = try LimitKeys.limitKey(
            seed: seed, enrollment: Fixture.enrollment(), endorsementName: Fixture.name(), authority: authority)
        #expect(derived.point == second.point)
    }

    @Test("the MAC over a grant covers the ceiling and the guesses")
    func grant() throws {
        let key = LimitKeys.grantKey(
            seed: shared(0x33).bytes, enrollment: try Fixture.enrollment(), endorsementName: try Fixture.name())
        let tag = hex(HMACSHA256.tag(of: bigEndian(11) + bigEndian(0), key: key))
        #expect(tag == "b8769f9df58910cbf2da4dee83c0d30f9850b0a187fca8d1f8816e687623b5f2")
    }

    @Test("a signature by the limit key is one that the profile takes, and for no other act")
    func signature() throws {
        let key = try AuthorityKey(scalar: shared(0x44).bytes)
        let slot = try SlotProfile(
            handle: Handle(0x0188_0000), authority: Fixture.vault().authority, limitKey: key.point)
        let nonce = [UInt8](repeating: 7, count: 32)
        let act = try SignedAct(.ceiling(11), of: slot, nonceTPM: nonce)
        let signature = try key.sign(act)
        #expect(act.isSigned(signature, by: key.point))
        #expect(!(try SignedAct(.ceiling(12), of: slot, nonceTPM: nonce)).isSigned(signature, by: key.point))
        #expect(!(try SignedAct(.first(limit: 11), of: slot, nonceTPM: nonce)).isSigned(signature, by: key.point))
        #expect(!(try SignedAct(.burn, of: slot, nonceTPM: nonce)).isSigned(signature, by: key.point))
    }
}
