import CLibCrypto
import Secrets

/// A number of OpenSSL's that may be secret: marked `BN_FLG_CONSTTIME`, wiped when it ends.
///
/// Take `bn` of a named value only: a temporary would be freed before the call that gets its pointer.
@safe struct Number: ~Copyable {
    let bn: OpaquePointer

    private init(bn: OpaquePointer) {
        unsafe self.bn = bn
        unsafe BN_set_flags(bn, BN_FLG_CONSTTIME)
    }

    deinit { unsafe BN_clear_free(bn) }

    /// Zero, to be written by a call of OpenSSL's.
    static func zero() throws(OPRFError) -> Number {
        unsafe Number(bn: try check(BN_new(), "BN_new"))
    }

    /// OS2IP of RFC 8017 §4.2.
    static func bigEndian(_ bytes: Span<UInt8>) throws(OPRFError) -> Number {
        unsafe try bytes.withUnsafeBufferPointer { (raw) throws(OPRFError) in
            unsafe Number(bn: try check(BN_bin2bn(raw.baseAddress, Int32(raw.count), nil), "BN_bin2bn"))
        }
    }

    /// OS2IP of public bytes.
    static func bigEndian(_ bytes: [UInt8]) throws(OPRFError) -> Number { try bigEndian(bytes.span) }

    /// I2OSP(self, 32) of RFC 8017 §4.1, in a time that does not depend on the value.
    func bigEndian32() throws(OPRFError) -> SecretBytes {
        try SecretBytes(count: 32) { (bytes: inout MutableSpan<UInt8>) throws(OPRFError) in
            let written = unsafe bytes.withUnsafeMutableBytes { raw in
                unsafe BN_bn2binpad(bn, raw.baseAddress?.assumingMemoryBound(to: UInt8.self), 32)
            }
            try check(written == 32 ? 1 : 0, "BN_bn2binpad")
        }
    }

    /// The remainder modulo `modulus`; division runs in constant time under `BN_FLG_CONSTTIME`.
    func reduced(modulo modulus: borrowing Number, _ scratch: borrowing Scratch) throws(OPRFError) -> Number {
        let result = try Number.zero()
        unsafe try check(BN_div(nil, result.bn, bn, modulus.bn, scratch.context), "BN_div")
        return result
    }
}

/// OpenSSL's pool of temporary numbers; it wipes them.
@safe struct Scratch: ~Copyable {
    let context: OpaquePointer

    init() throws(OPRFError) {
        unsafe context = try check(BN_CTX_new(), "BN_CTX_new")
    }

    deinit { unsafe BN_CTX_free(context) }
}

/// Whether the big-endian number is below the bound of the same size, in a time that depends on the size alone.
func isBelow(_ number: Span<UInt8>, _ bound: [UInt8]) -> Bool {
    precondition(number.count == bound.count, "only numbers of one size are compared")
    var borrow: Int16 = 0
    for index in number.indices.reversed() {
        borrow = ((Int16(number[index]) - Int16(bound[index]) - borrow) >> 8) & 1
    }
    return borrow == 1
}
