import CLibCrypto

/// Lagrange's interpolation of points: the polynomial's value is known as a multiple of an element, as "in the exponent".
public enum Interpolation {
    /// The multiplier at one place, as it was evaluated by who holds the share of that place.
    public struct Sample: Hashable, Sendable {
        /// 1 to 255.
        public let x: Int
        public let element: Element

        public init(x: Int, element: Element) {
            self.x = x
            self.element = element
        }
    }

    /// What the polynomial of degree `samples.count - 1` through all samples gives at `x`, 0 to 255; `nil` for the identity, which
    /// samples that somebody made up can come to.
    public static func element(at x: Int = 0, through samples: [Sample]) throws(OPRFError) -> Element? {
        guard !samples.isEmpty else { throw .notASharing(.threshold) }
        guard (0...SharingPolynomial.maximum).contains(x) else { throw .notASharing(.place(x)) }
        for sample in samples where !(1...SharingPolynomial.maximum).contains(sample.x) {
            throw .notASharing(.place(sample.x))
        }
        // Two samples of one place would divide by zero.
        guard Set(samples.map(\.x)).count == samples.count else { throw .notASharing(.twice) }
        if let sample = samples.first(where: { $0.x == x }) { return sample.element }

        let curve = try Curve()
        var sum = try Point.identity(on: curve)
        for sample in samples {
            let factor = try coefficient(of: sample.x, at: x, among: samples.map(\.x))
            sum = try curve.sum(sum, curve.product(factor, curve.point(sample.element)))
        }
        return curve.isIdentity(sum) ? nil : try curve.published(sum)
    }

    /// Lagrange's coefficient, the product of `(x - other) / (place - other)` modulo n. It is public, and never 0.
    static func coefficient(of place: Int, at x: Int, among places: [Int]) throws(OPRFError) -> Scalar {
        let field = try Field(modulus: Curve.n)
        var numerator = try field.value(Number.bigEndian([1]))
        var denominator = try field.value(Number.bigEndian([1]))
        var isNegative = false
        for other in places where other != place {
            numerator = try field.product(numerator, field.value(Number.bigEndian([UInt8(abs(x - other))])))
            denominator = try field.product(denominator, field.value(Number.bigEndian([UInt8(abs(place - other))])))
            if (x < other) != (place < other) { isNegative.toggle() }
        }
        // The inverse: the power n-2.
        var exponent = Curve.n
        exponent[31] -= 2
        let quotient = try field.number(field.product(numerator, field.power(denominator, exponent)))
        if isNegative {
            unsafe try check(BN_sub(quotient.bn, field.modulus.bn, quotient.bn), "BN_sub")
        }
        guard let scalar = Scalar(bigEndian: try quotient.bigEndian32()) else { throw .notASharing(.zero) }
        return scalar
    }
}
