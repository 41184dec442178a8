import CLibCrypto

/// An element of the group that everyone may see: a point of P-256 that is not the identity (RFC 9497 §4.3).
public struct Element: Equatable, Hashable, Sendable {
    /// The coordinates: 32 bytes, big endian, below p.
    public let x: [UInt8]
    public let y: [UInt8]

    /// Decodes a compressed point (SEC 1 §2.3.4): exactly 33 bytes, prefix 02 or 03, x below p, on the curve.
    public init(sec1 bytes: [UInt8]) throws(OPRFError) {
        // OpenSSL's own decoder would take the single byte 00 (the identity), uncompressed and hybrid forms.
        guard bytes.count == 33 else { throw .notAnElement(.size) }
        guard bytes[0] == 2 || bytes[0] == 3 else { throw .notAnElement(.prefix) }
        let x = Array(bytes[1...])
        // An x of p or more would be a second name of the point at x - p.
        guard isBelow(x.span, Curve.p) else { throw .notAnElement(.coordinateOutOfRange) }
        let curve = try Curve()
        let point = try Point.identity(on: curve)
        let xNumber = try Number.bigEndian(x)
        do throws(OPRFError) {
            unsafe try check(
                EC_POINT_set_compressed_coordinates(
                    curve.group, point.ec, xNumber.bn, Int32(bytes[0] & 1), curve.scratch.context),
                "EC_POINT_set_compressed_coordinates")
        } catch {
            throw .notAnElement(.notOnTheCurve)
        }
        self = try curve.published(point)
    }

    /// Checks coordinates: 32 bytes each, big endian, below p, on the curve.
    public init(x: [UInt8], y: [UInt8]) throws(OPRFError) {
        guard x.count == 32, y.count == 32 else { throw .notAnElement(.size) }
        guard isBelow(x.span, Curve.p), isBelow(y.span, Curve.p) else {
            throw .notAnElement(.coordinateOutOfRange)
        }
        let curve = try Curve()
        do throws(OPRFError) {
            _ = try curve.point(x: Number.bigEndian(x), y: Number.bigEndian(y))
        } catch {
            throw .notAnElement(.notOnTheCurve)
        }
        self.init(trustedX: x, trustedY: y)
    }

    init(trustedX x: [UInt8], trustedY y: [UInt8]) {
        self.x = x
        self.y = y
    }

    /// The compressed encoding (SEC 1 §2.3.3), 33 bytes.
    public var sec1: [UInt8] { [2 | (y[31] & 1)] + x }

    /// The base point of SEC 2 §2.4.2.
    public static let generator = Element(
        trustedX: [
            0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
            0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
        ],
        trustedY: [
            0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
            0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
        ])

    /// This element times a secret. The group's order is prime, so the product is never the identity.
    public func times(_ scalar: borrowing Scalar) throws(OPRFError) -> Element {
        let curve = try Curve()
        return try curve.published(curve.product(scalar, curve.point(self)))
    }
}
