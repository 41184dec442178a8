import CLibCrypto
import Secrets

/// P-256 (SEC 2 §2.4.2) and OpenSSL's means to compute on it, made for one operation.
@safe struct Curve: ~Copyable {
    /// The prime of the field.
    static let p: [UInt8] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ]
    /// The prime order of the group; the cofactor is 1.
    static let n: [UInt8] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ]

    let group: OpaquePointer
    let scratch: Scratch

    init() throws(OPRFError) {
        let scratch = try Scratch()
        unsafe group = try check(
            EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), "EC_GROUP_new_by_curve_name")
        self.scratch = scratch
    }

    deinit { unsafe EC_GROUP_free(group) }

    /// The point with these coordinates, which OpenSSL checks to be on the curve.
    func point(x: borrowing Number, y: borrowing Number) throws(OPRFError) -> Point {
        let point = try Point.identity(on: self)
        unsafe try check(
            EC_POINT_set_affine_coordinates(group, point.ec, x.bn, y.bn, scratch.context),
            "EC_POINT_set_affine_coordinates")
        return point
    }

    /// A known element, to compute with.
    func point(_ element: Element) throws(OPRFError) -> Point {
        try point(x: Number.bigEndian(element.x), y: Number.bigEndian(element.y))
    }

    /// The sum of two points.
    func sum(_ left: borrowing Point, _ right: borrowing Point) throws(OPRFError) -> Point {
        let result = try Point.identity(on: self)
        unsafe try check(EC_POINT_add(group, result.ec, left.ec, right.ec, scratch.context), "EC_POINT_add")
        return result
    }

    /// `scalar` times `point`, in OpenSSL's constant-time multiplication for one secret scalar.
    func product(_ scalar: borrowing Scalar, _ point: borrowing Point) throws(OPRFError) -> Point {
        let factor = try scalar.number()
        let result = try Point.identity(on: self)
        unsafe try check(
            EC_POINT_mul(group, result.ec, nil, point.ec, factor.bn, scratch.context), "EC_POINT_mul")
        return result
    }

    /// `scalar` times the generator.
    func product(_ scalar: borrowing Scalar) throws(OPRFError) -> Point {
        let factor = try scalar.number()
        let result = try Point.identity(on: self)
        unsafe try check(
            EC_POINT_mul(group, result.ec, factor.bn, nil, nil, scratch.context), "EC_POINT_mul")
        return result
    }

    /// Whether this is the point at infinity.
    func isIdentity(_ point: borrowing Point) -> Bool {
        unsafe EC_POINT_is_at_infinity(group, point.ec) == 1
    }

    /// SEC 1 §2.3.3, compressed, 33 bytes: for a point that must stay secret.
    func compressed(_ point: borrowing Point) throws(OPRFError) -> SecretBytes {
        try SecretBytes(count: 33) { (bytes: inout MutableSpan<UInt8>) throws(OPRFError) in
            let written = unsafe bytes.withUnsafeMutableBytes { raw in
                unsafe EC_POINT_point2oct(
                    group, point.ec, POINT_CONVERSION_COMPRESSED,
                    raw.baseAddress?.assumingMemoryBound(to: UInt8.self), raw.count, scratch.context)
            }
            try check(written == 33 ? 1 : 0, "EC_POINT_point2oct")
        }
    }

    /// The coordinates of a point that is not the identity, for everyone to see.
    func published(_ point: borrowing Point) throws(OPRFError) -> Element {
        let x = try Number.zero()
        let y = try Number.zero()
        unsafe try check(
            EC_POINT_get_affine_coordinates(group, point.ec, x.bn, y.bn, scratch.context),
            "EC_POINT_get_affine_coordinates")
        return Element(trustedX: try x.bigEndian32().published(), trustedY: try y.bigEndian32().published())
    }
}

/// A point that may depend on a secret; wiped when it ends.
@safe struct Point: ~Copyable {
    let ec: OpaquePointer

    private init(ec: OpaquePointer) { unsafe self.ec = ec }

    deinit { unsafe EC_POINT_clear_free(ec) }

    /// The identity, to be written by a call of OpenSSL's.
    static func identity(on curve: borrowing Curve) throws(OPRFError) -> Point {
        unsafe Point(ec: try check(EC_POINT_new(curve.group), "EC_POINT_new"))
    }
}

extension SecretBytes {
    /// A copy for everyone to see, of bytes that turn out to be public.
    func published() -> [UInt8] {
        withBytes { (bytes: Span<UInt8>) in bytes.indices.map { bytes[$0] } }
    }
}
