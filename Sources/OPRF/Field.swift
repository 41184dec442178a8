import CLibCrypto
import Secrets

/// Arithmetic modulo a 256-bit prime, on OpenSSL's Montgomery multiplication.
///
/// OpenSSL's numbers drop leading zero words, so a time tells when a value's topmost 64 bits are all zero: once in 2^64.
@safe struct Field: ~Copyable {
    /// A number below the modulus, in Montgomery form.
    struct Value: ~Copyable {
        let number: Number
    }

    let modulus: Number
    let scratch: Scratch
    private let reduction: Montgomery

    init(modulus: [UInt8]) throws(OPRFError) {
        let scratch = try Scratch()
        let number = try Number.bigEndian(modulus)
        let reduction = try Montgomery()
        unsafe try check(BN_MONT_CTX_set(reduction.context, number.bn, scratch.context), "BN_MONT_CTX_set")
        self.scratch = scratch
        self.modulus = number
        self.reduction = reduction
    }

    /// What OpenSSL precomputes for a modulus.
    @safe struct Montgomery: ~Copyable {
        let context: OpaquePointer

        init() throws(OPRFError) {
            unsafe context = try check(BN_MONT_CTX_new(), "BN_MONT_CTX_new")
        }

        deinit { unsafe BN_MONT_CTX_free(context) }
    }

    /// A number below the modulus, brought into the field.
    func value(_ number: borrowing Number) throws(OPRFError) -> Value {
        let result = try Number.zero()
        unsafe try check(
            BN_to_montgomery(result.bn, number.bn, reduction.context, scratch.context), "BN_to_montgomery")
        return Value(number: result)
    }

    /// 32 bytes, big endian, below the modulus.
    func value(_ bytes: [UInt8]) throws(OPRFError) -> Value {
        try value(Number.bigEndian(bytes))
    }

    /// The plain number.
    func number(_ value: borrowing Value) throws(OPRFError) -> Number {
        let result = try Number.zero()
        unsafe try check(
            BN_from_montgomery(result.bn, value.number.bn, reduction.context, scratch.context), "BN_from_montgomery")
        return result
    }

    func product(_ left: borrowing Value, _ right: borrowing Value) throws(OPRFError) -> Value {
        let result = try Number.zero()
        unsafe try check(
            BN_mod_mul_montgomery(result.bn, left.number.bn, right.number.bn, reduction.context, scratch.context),
            "BN_mod_mul_montgomery")
        return Value(number: result)
    }

    func square(_ value: borrowing Value) throws(OPRFError) -> Value { try product(value, value) }

    func sum(_ left: borrowing Value, _ right: borrowing Value) throws(OPRFError) -> Value {
        let result = try Number.zero()
        unsafe try check(
            BN_mod_add_quick(result.bn, left.number.bn, right.number.bn, modulus.bn), "BN_mod_add_quick")
        return Value(number: result)
    }

    /// A plain number to a power, as a plain number.
    func power(_ base: borrowing Number, _ exponent: [UInt8]) throws(OPRFError) -> Number {
        let exponent = try Number.bigEndian(exponent)
        let result = try Number.zero()
        unsafe try check(
            BN_mod_exp_mont_consttime(
                result.bn, base.bn, exponent.bn, modulus.bn, scratch.context, reduction.context),
            "BN_mod_exp_mont_consttime")
        return result
    }

    func power(_ base: borrowing Value, _ exponent: [UInt8]) throws(OPRFError) -> Value {
        try value(power(number(base), exponent))
    }

    /// CMOV of RFC 9380 §4: `yes` if the condition holds, else `no`; both are read either way.
    func select(
        _ yes: borrowing Value, _ no: borrowing Value, if condition: Bool
    ) throws(OPRFError) -> Value {
        let mask = UInt8(truncatingIfNeeded: -(condition ? 1 : 0))
        let yes = try yes.number.bigEndian32()
        let no = try no.number.bigEndian32()
        let chosen = SecretBytes(count: 32) { (bytes: inout MutableSpan<UInt8>) in
            yes.withBytes { (yes: Span<UInt8>) in
                no.withBytes { (no: Span<UInt8>) in
                    for index in yes.indices { bytes[index] = (yes[index] & mask) | (no[index] & ~mask) }
                }
            }
        }
        return Value(
            number: try chosen.withBytes { (bytes: Span<UInt8>) throws(OPRFError) in try Number.bigEndian(bytes) })
    }

    func areEqual(_ left: borrowing Value, _ right: borrowing Value) throws(OPRFError) -> Bool {
        try left.number.bigEndian32().isEqual(to: right.number.bigEndian32())
    }

    /// sgn0 of RFC 9380 §4.1, for a prime field: the parity of the plain number.
    func isOdd(_ value: borrowing Value) throws(OPRFError) -> Bool {
        try number(value).bigEndian32().withBytes { (bytes: Span<UInt8>) in bytes[31] & 1 == 1 }
    }
}
