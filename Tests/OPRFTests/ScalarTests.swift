import Secrets
import TestSupport
import Testing

@testable import OPRF

@Suite struct ScalarTests {
    static let zero = String(repeating: "00", count: 32)
    static let one = String(repeating: "00", count: 31) + "01"
    static let nMinus1 = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
    static let n = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

    @Test(
        "a scalar is in [1, n-1] and has 32 bytes",
        arguments: [
            (zero, false), (one, true), (nMinus1, true), (n, false), (String(repeating: "ff", count: 32), false),
            ("", false), (String(one.dropFirst(2)), false), ("00" + one, false),
        ])
    func range(bytes: String, accepted: Bool) {
        let scalar = Scalar(bigEndian: secret(hex(bytes)))
        let taken = scalar != nil
        #expect(taken == accepted)
    }

    @Test(
        "48 bytes become (value mod (n-1)) + 1",
        arguments: [
            (zero, one),
            ("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f", nMinus1),
            (nMinus1, one),
            (n, String(one.dropLast()) + "2"),
        ])
    func reduction(low: String, expected: String) throws {
        let wide = secret([UInt8](repeating: 0, count: 16) + hex(low))
        #expect(hex(try Scalar(reducing: wide).bigEndian.published()) == expected)
    }

    @Test("48 large bytes are reduced as the formula says")
    func largeReduction() throws {
        let all = try Scalar(reducing: secret([UInt8](repeating: 0xff, count: 48)))
        #expect(hex(all.bigEndian.published()) == "431905529c0166ce652e96b7ccca0a9a679b73e29ad16947f01cf012fc632550")
        let counting = try Scalar(reducing: secret(Array(0..<48)))
        #expect(
            hex(counting.bigEndian.published()) == "18185bb801b6065828af9bb667d107070b661a42a64f1f66b1a71e49aa7ff400")
    }

    @Test("products and inverses modulo n are right")
    func arithmetic() throws {
        let a = try scalar(hex("159749d750713afe245d2d39ccfaae8381c53ce92d098a9375ee70739c7ac0bf"))
        let b = try scalar(hex("3338fa65ec36e0290022b48eb562889d89dbfa691d1cde91517fa222ed7ad364"))
        #expect(
            hex(try a.times(b).bigEndian.published())
                == "642ffd7676e96fa8a81f8f21a3e2290dc2b60a86914fb4840f14621e8ded9649")
        #expect(
            hex(try b.inverse().bigEndian.published())
                == "e3f6ac4c24e6b1d362f4d372c35cef6ed047cabef2364d978162fc69818823ee")
        #expect(hex(try b.times(b.inverse()).bigEndian.published()) == Self.one)
        let last = try scalar(hex(Self.nMinus1))
        #expect(hex(try last.inverse().bigEndian.published()) == Self.nMinus1)
    }

    @Test("the public key of 1 is the generator and that of n-1 its negative")
    func publicKeys() throws {
        let one = try scalar(hex(Self.one))
        #expect(try one.publicKey() == .generator)
        let last = try scalar(hex(Self.nMinus1))
        let negative = try last.publicKey()
        #expect(negative.x == Element.generator.x)
        #expect(negative.y != Element.generator.y)
        #expect(try Element.generator.times(last) == negative)
    }

    @Test("random scalars differ, and their public keys are generator times scalar")
    func random() throws {
        let first = Scalar.random()
        let second = Scalar.random()
        #expect(first.bigEndian.published() != second.bigEndian.published())
        #expect(try first.publicKey() == Element.generator.times(first))
    }
}
