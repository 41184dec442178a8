import Secrets
import TestSupport
import Testing

@testable import OPRF

@Suite struct HashToCurveTests {
    @Test(
        "expand_message_xmd gives the bytes of RFC 9380 K.1",
        arguments: [
            ("", 0x20, "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235"),
            ("abc", 0x20, "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615"),
            ("abcdef0123456789", 0x20, "eff31487c770a893cfb36f912fbfcbff40d5661771ca4b2cb4eafe524333f5c1"),
        ])
    func expand(message: String, count: Int, expected: String) throws {
        let tag = Array("QUUX-V01-CS02-with-expander-SHA256-128".utf8)
        let bytes = try HashToCurve.expandMessage(secret(message), tag: tag, count: count).published()
        #expect(hex(bytes) == expected)
    }

    @Test(
        "hash_to_curve gives the points of RFC 9380 J.1.1",
        arguments: [
            (
                "", "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4",
                "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415"
            ),
            (
                "abc", "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f",
                "5c41b3d0731a27a7b14bc0bf0ccded2d8751f83493404c84a88e71ffd424212e"
            ),
        ])
    func hashToCurve(message: String, x: String, y: String) throws {
        let element = try hashed(message, tag: "QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_")
        #expect(hex(element.x) == x)
        #expect(hex(element.y) == y)
    }

    @Test("the whole set of RFC 9380 K.1 and K.2 holds, long tags included")
    func allExpansions() throws {
        guard let set = SharedVectors.json("rfc/rfc9380_expand_message_xmd_sha256.json") else { return }
        var seen = 0
        for group in try #require(set["groups"] as? [[String: Any]]) {
            let tag = Array(try #require(group["DST"] as? String).utf8)
            for test in try #require(group["tests"] as? [[String: String]]) {
                let digits = try #require(test["len_in_bytes"]).dropFirst(2)
                let count = try #require(Int(digits, radix: 16))
                let message = try #require(test["msg"])
                let bytes = try HashToCurve.expandMessage(secret(message), tag: tag, count: count).published()
                #expect(hex(bytes) == test["uniform_bytes"])
                seen += 1
            }
        }
        #expect(seen == 20)
    }

    @Test("the whole set of RFC 9380 J.1.1 holds, the two mapped points included")
    func allPoints() throws {
        guard let set = SharedVectors.json("rfc/rfc9380_p256_xmd_sha256_sswu_ro.json") else { return }
        let tag = try #require(set["dst"] as? String)
        let vectors = try #require(set["vectors"] as? [[String: Any]])
        for vector in vectors {
            let element = try hashed(try #require(vector["msg"] as? String), tag: tag)
            #expect(element == (try point(vector["P"])))
            let fieldElements = try #require(vector["u"] as? [String])
            for (u, name) in zip(fieldElements, ["Q0", "Q1"]) {
                let wide = [UInt8](repeating: 0, count: 16) + hex(u)
                let curve = try Curve()
                let mapped = try curve.published(SimplifiedSWU.make().point(mapping: wide.span, on: curve))
                #expect(mapped == (try point(vector[name])))
            }
        }
        #expect(vectors.count == 5)
    }

    @Test("the exceptional field elements of the map, where a denominator is zero, give a point")
    func exceptionalInput() throws {
        // u = 0 makes Z^2 u^4 + Z u^2 zero; RFC 9380 §6.6.2 then takes x = B / (Z A).
        let curve = try Curve()
        let zero = [UInt8](repeating: 0, count: 48)
        let element = try curve.published(SimplifiedSWU.make().point(mapping: zero.span, on: curve))
        #expect(element == (try Element(x: element.x, y: element.y)))
        let field = try Field(modulus: Curve.p)
        // Z A = (-10)(-3)
        let product = try field.product(field.value(element.x), field.value([30]))
        let b = "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"
        #expect(try field.areEqual(product, field.value(hex(b))))
    }

    private func hashed(_ message: String, tag: String) throws -> Element {
        let curve = try Curve()
        return try curve.published(HashToCurve.hash(secret(message), tag: Array(tag.utf8), on: curve))
    }

    private func point(_ value: Any?) throws -> Element {
        let coordinates = try #require(value as? [String: String])
        return try Element(x: hex(try #require(coordinates["x"])), y: hex(try #require(coordinates["y"])))
    }
}
