import OPRF
import TPM
import TestSupport
import Testing

@Suite("The evaluation key multiplies points of its curve and no others")
struct PointTests {
    static let p = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
    static let zero = [UInt8](repeating: 0, count: 32)

    /// Off the curve, with a coordinate of p, short, or the identity in the forms that it could have.
    static var offCurve: [(x: [UInt8], y: [UInt8])] {
        let g = Element.generator
        var y = g.y
        y[31] ^= 1
        return [
            (g.x, y), (g.y, g.x), (zero, zero), ([], []), ([0], [0]), (p, g.y), (g.x, p), (g.x, []), ([1], [1]),
            (g.x, [UInt8](repeating: 0xFF, count: 32)),
        ]
    }

    @Test("ECDH_ZGen refuses a point off the curve; the guess is spent")
    func zGen() async throws {
        try await withEnrolledChip(limit: 20) { enrolled in
            var spent: UInt32 = 0
            for (x, y) in Self.offCurve {
                try enrolled.withEvaluationKey { key in
                    try enrolled.courier.withPolicySession { session, _ in
                        try enrolled.spend(in: session)
                        try enrolled.courier.expect(.eccPoint, .ecdhZGen(key, x: x, y: y), .policy(session))
                    }
                }
                spent += 1
                #expect(try enrolled.count() == SlotCount(count: spent, ceiling: 20))
            }
            let point = P256Point.someone
            #expect(try enrolled.evaluate(point) == enrolled.expected(point))
        }
    }

    @Test("StartAuthSession with the evaluation key as tpmKey refuses a point off the curve")
    func tpmKey() async throws {
        try await withEnrolledChip { enrolled in
            try enrolled.withEvaluationKey { key in
                for (x, y) in Self.offCurve {
                    try enrolled.courier.expect(.secondValue, .startSession(saltedTo: key, x: x, y: y))
                }
                // On the curve it is taken, uncounted: known and accepted. What comes of it is a hash of the product.
                let point = P256Point.someone
                let response = try enrolled.courier.send(.startSession(saltedTo: key, x: point.x, y: point.y), [])
                #expect(response.code == .success)
                enrolled.courier.flush(try #require(response.handle))
            }
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
        }
    }

    @Test("a coordinate under a second name, p above it, is refused or stands for the same point")
    func secondName() async throws {
        try await withEnrolledChip { enrolled in
            let five = try P256Point(sec1: [2] + Self.zero.dropLast() + [5])
            let fiveAndP = hex("ffffffff00000001000000000000000000000001000000000000000000000004")
            try enrolled.withEvaluationKey { key in
                try enrolled.courier.withPolicySession { session, _ in
                    try enrolled.spend(in: session)
                    let response = try enrolled.courier.send(
                        .ecdhZGen(key, x: fiveAndP, y: five.y), [.policy(session)])
                    guard response.code == .success else {
                        #expect(response.code == .eccPoint)
                        return
                    }
                    var reader = Reader(response.parameters)
                    let product = try P256Point(tpm2b: &reader)
                    #expect(try product == enrolled.expected(five))
                }
            }
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
        }
    }
}
