import Secrets

/// The simplified SWU map onto P-256 (RFC 9380 §6.6.2), as the straight-line program of its appendix F.2.
///
/// The names `tv1` … `tv6` are those of the appendix. Every step is taken whatever the values are.
struct SimplifiedSWU: ~Copyable {
    private let a: Field.Value
    private let b: Field.Value
    private let z: Field.Value
    private let zero: Field.Value
    private let one: Field.Value
    private let minusOne: Field.Value
    private let rootOfMinusZ: Field.Value
    private let field: Field

    static func make() throws(OPRFError) -> SimplifiedSWU {
        let field = try Field(modulus: Curve.p)
        return SimplifiedSWU(
            a: try field.value(minus(3)),
            b: try field.value(b),
            z: try field.value(minus(10)),
            zero: try field.value([0]),
            one: try field.value([1]),
            minusOne: try field.value(minus(1)),
            // c2 = sqrt(-Z) = sqrt(10): a square root is the power (p + 1) / 4, since p = 3 mod 4.
            rootOfMinusZ: try field.power(field.value([10]), quarterOfPPlus1),
            field: field)
    }

    /// hash_to_field of RFC 9380 §5.2 from the 48 bytes of one field element, then map_to_curve_simple_swu.
    func point(mapping uniform: Span<UInt8>, on curve: borrowing Curve) throws(OPRFError) -> Point {
        precondition(uniform.count == 48, "L of P-256 is 48")
        let u = try field.value(Number.bigEndian(uniform).reduced(modulo: field.modulus, field.scratch))
        let tv1 = try field.product(z, field.square(u))
        let tv2 = try field.sum(field.square(tv1), tv1)
        let tv3 = try field.product(b, field.sum(tv2, one))
        let minusTv2 = try field.product(minusOne, tv2)
        let tv4 = try field.product(a, field.select(z, minusTv2, if: field.areEqual(tv2, zero)))
        let tv4Squared = try field.square(tv4)
        let inner = try field.sum(field.square(tv3), field.product(a, tv4Squared))
        let tv6 = try field.product(tv4Squared, tv4)
        let numerator = try field.sum(field.product(inner, tv3), field.product(b, tv6))
        let root = try squareRoot(numerator, over: tv6)
        let otherX = try field.product(tv1, tv3)
        let otherY = try field.product(field.product(tv1, u), root.value)
        let x = try field.select(tv3, otherX, if: root.isSquare)
        let y = try field.select(root.value, otherY, if: root.isSquare)
        let minusY = try field.product(minusOne, y)
        let sameSign = try field.isOdd(u) == field.isOdd(y)
        let signedY = try field.select(y, minusY, if: sameSign)
        let inverse = try field.power(tv4, Self.pMinus2)
        return try curve.point(
            x: field.number(field.product(x, inverse)), y: field.number(signedY))
    }

    private struct Root: ~Copyable {
        let isSquare: Bool
        let value: Field.Value
    }

    /// sqrt_ratio_3mod4 of appendix F.2.1.2: the root of u/v, or of Z·u/v if u/v is no square.
    private func squareRoot(
        _ u: borrowing Field.Value, over v: borrowing Field.Value
    ) throws(OPRFError) -> Root {
        let tv2 = try field.product(u, v)
        let tv1 = try field.product(field.square(v), tv2)
        let y1 = try field.product(field.power(tv1, Self.quarterOfPMinus3), tv2)
        let y2 = try field.product(y1, rootOfMinusZ)
        let isSquare = try field.areEqual(field.product(field.square(y1), v), u)
        return Root(isSquare: isSquare, value: try field.select(y1, y2, if: isSquare))
    }

    private static let b: [UInt8] = [
        0x5a, 0xc6, 0x35, 0xd8, 0xaa, 0x3a, 0x93, 0xe7, 0xb3, 0xeb, 0xbd, 0x55, 0x76, 0x98, 0x86, 0xbc,
        0x65, 0x1d, 0x06, 0xb0, 0xcc, 0x53, 0xb0, 0xf6, 0x3b, 0xce, 0x3c, 0x3e, 0x27, 0xd2, 0x60, 0x4b,
    ]
    private static let pMinus2 = minus(2)
    private static let quarterOfPMinus3 = quarter(minus(3))
    /// (p + 1) / 4 = (p - 3) / 4 + 1
    private static let quarterOfPPlus1: [UInt8] = {
        var bytes = quarterOfPMinus3
        for index in bytes.indices.reversed() {
            let sum = bytes[index].addingReportingOverflow(1)
            bytes[index] = sum.partialValue
            if !sum.overflow { break }
        }
        return bytes
    }()

    private static func minus(_ small: UInt8) -> [UInt8] {
        var bytes = Curve.p
        bytes[31] -= small
        return bytes
    }

    private static func quarter(_ bytes: [UInt8]) -> [UInt8] {
        bytes.indices.map { index in (index > 0 ? bytes[index - 1] << 6 : 0) | bytes[index] >> 2 }
    }
}
