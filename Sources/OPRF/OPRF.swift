import Secrets

/// OPRF(P-256, SHA-256) in base mode (RFC 9497 §3.3.1, §4.3).
public enum OPRF {
    /// createContextString(0x00, "P256-SHA256"), RFC 9497 §3.1.
    private static let contextString = Array("OPRFV1-".utf8) + [0] + Array("-P256-SHA256".utf8)

    /// Blind of RFC 9497 §3.3.1, under a fresh blind. `input` has at most 65535 bytes.
    public static func blind(input: borrowing SecretBytes) throws(OPRFError) -> Blind {
        try blind(input: input, with: .random())
    }

    /// The same under a given blind, which only the vectors of the standard have.
    static func blind(
        input: borrowing SecretBytes, with scalar: consuming Scalar
    ) throws(OPRFError) -> Blind {
        let curve = try Curve()
        let element = try curve.published(curve.product(scalar, hash(input, on: curve)))
        return Blind(scalar: scalar, blindedElement: element)
    }

    /// BlindEvaluate of RFC 9497 §3.3.1, with the key at hand.
    public static func evaluate(
        key: borrowing Scalar, blinded: Element
    ) throws(OPRFError) -> Element {
        try blinded.times(key)
    }

    /// Finalize of RFC 9497 §3.3.1: 32 bytes. A blind serves one input; where vaults disagree, each element that their answers
    /// come to is finalized under it.
    public static func finalize(
        input: borrowing SecretBytes, blind: borrowing Blind, evaluated: Element
    ) throws(OPRFError) -> SecretBytes {
        let curve = try Curve()
        let unblinded = try curve.product(blind.scalar.inverse(), curve.point(evaluated))
        return try output(input: input, issued: curve.compressed(unblinded))
    }

    private static func hash(
        _ input: borrowing SecretBytes, on curve: borrowing Curve
    ) throws(OPRFError) -> Point {
        guard input.count <= 65535 else { throw .inputTooLong(input.count) }
        let tag = Array("HashToGroup-".utf8) + contextString
        let point = try HashToCurve.hash(input, tag: tag, on: curve)
        guard !curve.isIdentity(point) else { throw .inputHashesToIdentity }
        return point
    }

    private static func output(
        input: borrowing SecretBytes, issued: borrowing SecretBytes
    ) throws(OPRFError) -> SecretBytes {
        guard input.count <= 65535 else { throw .inputTooLong(input.count) }
        return try SHA256.digest { (hash) throws(OPRFError) in
            try hash.add(twoBytes(input.count))
            try hash.add(input)
            try hash.add(twoBytes(issued.count))
            try hash.add(issued)
            try hash.add(Array("Finalize".utf8))
        }
    }
}

/// The secret that hides an input from who evaluates it. It leaves memory nowhere: together with the blinded element it
/// gives the hash of the password.
public struct Blind: ~Copyable, Sendable {
    let scalar: Scalar
    /// What is sent to be evaluated. Uniform in the group whatever the input: anyone may see it.
    public let blindedElement: Element

    init(scalar: consuming Scalar, blindedElement: Element) {
        self.scalar = scalar
        self.blindedElement = blindedElement
    }
}
