import Crypto
import Secrets
import TestSupport
import Testing

@Suite struct HKDFTests {
    /// RFC 5869, appendix A.1 to A.3.
    struct Answer: Sendable {
        let input: String, salt: String, info: String, key: String, output: String
    }

    static let answers = [
        Answer(
            input: String(repeating: "0b", count: 22), salt: "000102030405060708090a0b0c", info: "f0f1f2f3f4f5f6f7f8f9",
            key: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            output: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
        Answer(
            input: hex(0x00...0x4f), salt: hex(0x60...0xaf), info: hex(0xb0...0xff),
            key: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            output: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                + "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                + "cc30c58179ec3e87c14c01d5c1f3434f1d87"),
        Answer(
            input: String(repeating: "0b", count: 22), salt: "", info: "",
            key: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            output: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
    ]

    @Test("HKDF gives the answers of RFC 5869", arguments: answers)
    func knownAnswers(answer: Answer) {
        let key = HKDF.extract(salt: hex(answer.salt), secret: secret(answer.input))
        #expect(digits(key) == answer.key)
        let output = HKDF.expand(key, info: hex(answer.info), count: answer.output.utf8.count / 2)
        #expect(digits(output) == answer.output)
    }

    @Test("HKDF agrees with an independent one for every number of blocks", arguments: [1, 31, 32, 33, 64, 255 * 32])
    func crossCheck(count: Int) {
        let theirs = Crypto.HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: hex("0badcafe")), salt: hex("5a17"), info: Array("label".utf8),
            outputByteCount: count)
        let ours = HKDF.derive(from: secret("0badcafe"), salt: hex("5a17"), info: Array("label".utf8), count: count)
        #expect(digits(ours) == theirs.withUnsafeBytes { hex($0) })
    }

    @Test("HMAC gives the answer of RFC 4231, test case 2, and knows a wrong tag")
    func code() {
        let key = SecretBytes(copying: Array("Jefe".utf8).span)
        let message = Array("what do ya want for nothing?".utf8)
        let tag = HMACSHA256.tag(of: message, key: key)
        #expect(hex(tag) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let right = HMACSHA256.isValid(tag, of: message, key: key)
        let otherMessage = HMACSHA256.isValid(tag, of: message + [0], key: key)
        let shorter = HMACSHA256.isValid(Array(tag.dropLast()), of: message, key: key)
        #expect(right && !otherMessage && !shorter)
    }
}
