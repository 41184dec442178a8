import CLibCrypto
import Secrets

/// A secret number in [1, n-1], with n the order of P-256.
public struct Scalar: ~Copyable, Sendable {
    /// 32 bytes, big endian.
    public let bigEndian: SecretBytes

    private init(trusted bytes: consuming SecretBytes) { bigEndian = bytes }

    /// Uniform, by rejection (RFC 9497 §4.7.1). One draw in 2^32 is drawn again.
    public static func random() -> Scalar {
        while true {
            if let scalar = Scalar(bigEndian: SecretBytes(random: 32)) { return scalar }
        }
    }

    /// Takes 32 bytes, big endian; `nil` unless they are in [1, n-1].
    public init?(bigEndian bytes: consuming SecretBytes) {
        guard bytes.count == 32 else { return nil }
        let inRange = bytes.withBytes { (span: Span<UInt8>) in
            var bits: UInt8 = 0
            for index in span.indices { bits |= span[index] }
            return isBelow(span, Curve.n) && bits != 0
        }
        guard inRange else { return nil }
        self.init(trusted: bytes)
    }

    /// The 48 bytes, big endian, as (value mod (n-1)) + 1 (FIPS 186-5 §A.2.1); the bias is below 2^-127.
    public init(reducing bytes: borrowing SecretBytes) throws(OPRFError) {
        precondition(bytes.count == 48, "a scalar is reduced from 48 bytes")
        let scratch = try Scratch()
        let value = try bytes.withBytes { (span: Span<UInt8>) throws(OPRFError) in try Number.bigEndian(span) }
        let one = try Number.bigEndian([1])
        let order = try Number.bigEndian(Curve.n)
        let orderLessOne = try Number.zero()
        unsafe try check(BN_sub(orderLessOne.bn, order.bn, one.bn), "BN_sub")
        let remainder = try value.reduced(modulo: orderLessOne, scratch)
        unsafe try check(BN_mod_add_quick(remainder.bn, remainder.bn, one.bn, order.bn), "BN_mod_add_quick")
        self.init(trusted: try remainder.bigEndian32())
    }

    /// The product modulo n.
    public func times(_ other: borrowing Scalar) throws(OPRFError) -> Scalar {
        let scratch = try Scratch()
        let left = try number()
        let right = try other.number()
        let order = try Number.bigEndian(Curve.n)
        let product = try Number.zero()
        unsafe try check(
            BN_mod_mul(product.bn, left.bn, right.bn, order.bn, scratch.context),
            "BN_mod_mul")
        return Scalar(trusted: try product.bigEndian32())
    }

    /// The inverse modulo n: the power n-2, whose time does not depend on the scalar.
    public func inverse() throws(OPRFError) -> Scalar {
        let field = try Field(modulus: Curve.n)
        var exponent = Curve.n
        exponent[31] -= 2
        return Scalar(trusted: try field.power(number(), exponent).bigEndian32())
    }

    /// This scalar times the generator: the public key of a private one.
    public func publicKey() throws(OPRFError) -> Element {
        let curve = try Curve()
        return try curve.published(curve.product(self))
    }

    func number() throws(OPRFError) -> Number {
        try bigEndian.withBytes { (bytes: Span<UInt8>) throws(OPRFError) in try Number.bigEndian(bytes) }
    }
}
