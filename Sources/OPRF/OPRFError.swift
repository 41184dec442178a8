/// Why an operation of this target failed. None of them costs a guess: the chip was not asked.
public enum OPRFError: Error, Equatable, CustomStringConvertible {
    /// These bytes or coordinates are not an element of the group.
    case notAnElement(Flaw)
    /// RFC 9497 §3.3.1 takes inputs of at most 65535 bytes.
    case inputTooLong(Int)
    /// The input hashes to the identity (`InvalidInputError` of RFC 9497 §3.3.1); nobody knows such an input.
    case inputHashesToIdentity
    /// These numbers share no secret.
    case notASharing(SharingFlaw)
    /// A call into OpenSSL failed, for want of memory or because the library is broken.
    case library(call: String, code: UInt)

    /// What is wrong with bytes that should be an element.
    public enum Flaw: Sendable {
        /// Not 33 bytes, or a coordinate that is not 32 bytes.
        case size
        /// The first byte is neither 02 nor 03.
        case prefix
        /// A coordinate is not below p.
        case coordinateOutOfRange
        /// No such point on the curve.
        case notOnTheCurve
    }

    /// What is wrong with a sharing.
    public enum SharingFlaw: Equatable, Sendable {
        /// No shares, or more than 255.
        case threshold
        /// Not a place for a share: 1 to 255 are.
        case place(Int)
        /// Two shares of one place.
        case twice
        /// A share of 0, or a coefficient.
        case zero
    }

    public var description: String {
        switch self {
        case .notAnElement(let flaw):
            let reason =
                switch flaw {
                case .size: "it has the wrong size"
                case .prefix: "it does not start with 02 or 03"
                case .coordinateOutOfRange: "a coordinate is not below p"
                case .notOnTheCurve: "it is not on the curve"
                }
            return "This is not a P-256 element (\(reason)); ask its sender for a correct one, no guess was spent."
        case .inputTooLong(let count):
            return "The input has \(count) bytes, use at most 65535; no guess was spent."
        case .inputHashesToIdentity:
            return "This input has no usable hash, choose another one; no guess was spent."
        case .notASharing(let flaw):
            let reason =
                switch flaw {
                case .threshold: "1 to 255 shares can be needed"
                case .place(let x): "\(x) is no place for a share"
                case .twice: "two shares are of the same place"
                case .zero: "a share is 0"
                }
            return "The key cannot be shared or put together (\(reason)); try again, no guess was spent."
        case .library(let call, let code):
            return "OpenSSL's \(call) failed (code \(String(code, radix: 16))), try again after a restart;"
                + " no guess was spent."
        }
    }
}
