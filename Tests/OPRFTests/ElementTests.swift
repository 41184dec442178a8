import Secrets
import TestSupport
import Testing

@testable import OPRF

@Suite struct ElementTests {
    static let generator = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"

    @Test(
        "what is not an element is refused, and the reason is told",
        arguments: [
            ("", .size),
            ("00", .size),
            (generator + "00", .size),
            (String(generator.dropLast(2)), .size),
            ("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296", .prefix),
            ("000000000000000000000000000000000000000000000000000000000000000000", .prefix),
            ("02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", .coordinateOutOfRange),
            // x = 5 + p: another name of the point at x = 5.
            ("02ffffffff00000001000000000000000000000001000000000000000000000004", .coordinateOutOfRange),
            ("020000000000000000000000000000000000000000000000000000000000000001", .notOnTheCurve),
        ] as [(String, OPRFError.Flaw)])
    func refused(bytes: String, flaw: OPRFError.Flaw) {
        #expect(throws: OPRFError.notAnElement(flaw)) { try Element(sec1: hex(bytes)) }
    }

    @Test("the generator is what SEC 2 says, in both encodings")
    func generatorEncodings() throws {
        #expect(hex(Element.generator.sec1) == Self.generator)
        #expect(try Element(sec1: hex(Self.generator)) == .generator)
        #expect(try Element(x: Element.generator.x, y: Element.generator.y) == .generator)
    }

    @Test("x = 0 is on the curve and both of its points decode and encode to themselves", arguments: ["02", "03"])
    func zeroCoordinate(prefix: String) throws {
        let bytes = hex(prefix + String(repeating: "00", count: 32))
        #expect(try Element(sec1: bytes).sec1 == bytes)
    }

    @Test("coordinates off the curve, of another size, or not reduced are refused")
    func badCoordinates() {
        let good = Element.generator
        var wrong = good.y
        wrong[31] ^= 1
        #expect(throws: OPRFError.notAnElement(.notOnTheCurve)) { try Element(x: good.x, y: wrong) }
        #expect(throws: OPRFError.notAnElement(.notOnTheCurve)) {
            try Element(x: [UInt8](repeating: 0, count: 32), y: [UInt8](repeating: 0, count: 32))
        }
        #expect(throws: OPRFError.notAnElement(.size)) { try Element(x: [0] + good.x, y: good.y) }
        #expect(throws: OPRFError.notAnElement(.size)) { try Element(x: [], y: []) }
        #expect(throws: OPRFError.notAnElement(.coordinateOutOfRange)) { try Element(x: Curve.p, y: good.y) }
        #expect(throws: OPRFError.notAnElement(.coordinateOutOfRange)) { try Element(x: good.x, y: Curve.p) }
    }

    @Test("a refused element leaves nothing in OpenSSL's error queue to be blamed on a later call")
    func errorQueue() throws {
        #expect(throws: OPRFError.self) { try Element(sec1: [2] + [UInt8](repeating: 0, count: 31) + [1]) }
        #expect(throws: OPRFError.library(call: "test", code: 0)) { try check(0, "test") }
    }

    @Test("every element of the negative set is refused, every one of the positive set is taken")
    func sharedElements() throws {
        guard let set = SharedVectors.json("rfc/negative_elements_p256.json") else { return }
        let refuse = try #require(set["refuse"] as? [[String: String]])
        for entry in refuse {
            let bytes = hex(try #require(entry["element"]))
            #expect(throws: OPRFError.self, "\(entry["why"] ?? "")") { try Element(sec1: bytes) }
        }
        let three = try scalar([UInt8](repeating: 0, count: 31) + [3])
        let accept = try #require(set["accept"] as? [[String: String]])
        for entry in accept {
            let element = try Element(sec1: hex(try #require(entry["element"])))
            #expect(hex([4] + element.x + element.y) == entry["uncompressed"])
            #expect(hex(try element.times(three).sec1) == entry["times_3"])
        }
        #expect(refuse.count > 50 && accept.count > 10)
    }

    @Test("multiplication agrees with Wycheproof's ECDH set, and its invalid points are refused")
    func wycheproof() throws {
        guard let set = SharedVectors.json("wycheproof/ecdh_secp256r1_ecpoint_test.json") else { return }
        var multiplied = 0
        var refused = 0
        for group in try #require(set["testGroups"] as? [[String: Any]]) {
            for test in try #require(group["tests"] as? [[String: Any]]) {
                let point = hex(try #require(test["public"] as? String))
                if test["result"] as? String == "invalid" {
                    #expect(throws: OPRFError.self) { try element(point) }
                    refused += 1
                } else {
                    let digits = hex(try #require(test["private"] as? String))
                    let padded = [UInt8](repeating: 0, count: 32) + digits
                    #expect(padded.dropLast(32).allSatisfy { $0 == 0 })
                    let key = try scalar(Array(padded.suffix(32)))
                    let product = try element(point).times(key)
                    #expect(hex(product.x) == test["shared"] as? String, "tcId \(test["tcId"] ?? "")")
                    multiplied += 1
                }
            }
        }
        #expect(multiplied == 331 && refused == 24)
    }

    /// An uncompressed or a compressed point.
    private func element(_ point: [UInt8]) throws -> Element {
        guard point.count == 65, point[0] == 4 else { return try Element(sec1: point) }
        return try Element(x: Array(point[1..<33]), y: Array(point[33...]))
    }
}
