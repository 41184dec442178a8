import CLibCrypto
import Secrets

/// Shamir's polynomial over the scalars of P-256: its value at 0 is the secret, its values elsewhere are shares.
///
/// As many shares as the threshold give the secret; fewer are independent of it. It serves one set of shares and ends:
/// 1. the same secret is shared twice by two polynomials; 2. who has one share of each has two that fit a third one.
public struct SharingPolynomial: ~Copyable, Sendable {
    /// The coefficients from the constant one on; 32 bytes each, big endian.
    private let coefficients: SecretBytes
    private let threshold: Int

    /// The largest `x`, and the largest threshold.
    public static let maximum = 255

    /// A polynomial of degree `threshold - 1` whose other coefficients are random.
    public init(secret: borrowing Scalar, threshold: Int) throws(OPRFError) {
        guard (1...Self.maximum).contains(threshold) else { throw .notASharing(.threshold) }
        self.threshold = threshold
        coefficients = SecretBytes(count: 32 * threshold) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            func append(_ part: Span<UInt8>, to bytes: inout MutableSpan<UInt8>) {
                for index in part.indices { bytes[offset + index] = part[index] }
                offset += 32
            }
            secret.bigEndian.withBytes { (part: Span<UInt8>) in append(part, to: &bytes) }
            for _ in 1..<threshold {
                // Never 0, which a uniform one is once in 2^256.
                Scalar.random().bigEndian.withBytes { (part: Span<UInt8>) in append(part, to: &bytes) }
            }
        }
    }

    /// The share at `x`, 1 to 255: the value there, by Horner's rule, in a time that depends on the threshold alone. A share
    /// of 0, once in 2^256, is refused.
    public func share(at x: Int) throws(OPRFError) -> Scalar {
        // At 0 stands the secret itself.
        guard (1...Self.maximum).contains(x) else { throw .notASharing(.place(x)) }
        let field = try Field(modulus: Curve.n)
        let place = try field.value(Number.bigEndian([UInt8(x)]))
        var value = try coefficient(threshold - 1, in: field)
        for index in (0..<threshold - 1).reversed() {
            value = try field.sum(field.product(value, place), coefficient(index, in: field))
        }
        guard let share = Scalar(bigEndian: try field.number(value).bigEndian32()) else { throw .notASharing(.zero) }
        return share
    }

    private func coefficient(_ index: Int, in field: borrowing Field) throws(OPRFError) -> Field.Value {
        let number = try coefficients.withBytes { (bytes: Span<UInt8>) throws(OPRFError) in
            try Number.bigEndian(bytes.extracting(32 * index..<32 * index + 32))
        }
        return try field.value(number)
    }
}
