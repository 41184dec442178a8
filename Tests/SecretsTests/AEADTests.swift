import TestSupport
import Testing

@testable import Secrets

@Suite struct AEADTests {
    // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    static let message =
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    static let key = hex(0x80...0x9f)
    static let nonce = hex(hex(0x40...0x57))
    static let associatedData = hex("50515253c0c1c2c3c4c5c6c7")
    static let sealed = hex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
            + "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
            + "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
            + "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49")

    @Test("sealing and opening give the draft's answer")
    func knownAnswer() throws {
        let message = SecretBytes(copying: Array(Self.message.utf8).span)
        let sealed = AEAD.seal(
            message, key: secret(Self.key), nonce: Self.nonce, associatedData: Self.associatedData)
        #expect(sealed == Self.sealed)
        let opened = try AEAD.open(
            Self.nonce + Self.sealed, key: secret(Self.key), associatedData: Self.associatedData)
        let isSame = opened.isEqual(to: message)
        #expect(isSame)
    }

    @Test("one changed bit anywhere is refused")
    func changes() {
        let whole = Self.nonce + Self.sealed
        for index in whole.indices {
            var changed = whole
            changed[index] ^= 1
            #expect(throws: AEADError.notAuthentic) {
                _ = try AEAD.open(changed, key: secret(Self.key), associatedData: Self.associatedData)
            }
        }
        #expect(throws: AEADError.notAuthentic) {
            _ = try AEAD.open(whole, key: secret(Self.key), associatedData: [])
        }
        #expect(throws: AEADError.notAuthentic) {
            _ = try AEAD.open(Array(whole[..<39]), key: secret(Self.key), associatedData: Self.associatedData)
        }
    }

    @Test("two seals of one secret share no nonce")
    func nonces() throws {
        let key = SecretBytes(random: 32)
        let secret = SecretBytes(random: 32)
        let one = AEAD.seal(secret, key: key, associatedData: [])
        let two = AEAD.seal(secret, key: key, associatedData: [])
        #expect(one != two)
        #expect(one.count == 32 + AEAD.overhead)
        let isSame = try AEAD.open(one, key: key, associatedData: []).isEqual(to: secret)
        #expect(isSame)
    }
}
