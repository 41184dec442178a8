import Crypto
import CryptoExtras
import Endorsement
import Testing

@Suite("The ROCA fingerprint")
struct ROCATests {
    /// 2048 bits, and modulo the product of the primes below 168 a power of 65537: what a product of two flawed primes is.
    static let marked = modulus(power: 1234, multiple: 0xABCD_EF01)

    @Test("is seen in a modulus that is a power of 65537 modulo every small prime")
    func seen() {
        #expect(Self.marked.count == 256 && Self.marked[0] >= 0x80)
        #expect(ROCA.hasFingerprint(Self.marked))
        for power in 1...20 { #expect(ROCA.hasFingerprint(Self.modulus(power: power, multiple: UInt64(power)))) }
        var other = Self.marked
        other[255] &+= 2
        #expect(!ROCA.hasFingerprint(other))
    }

    @Test("is seen in none of a thousand random moduli, nor in a key that was made well")
    func unseen() throws {
        for _ in 0..<1000 {
            var random = (0..<256).map { _ in UInt8.random(in: 0...255) }
            random[0] |= 0x80
            random[255] |= 1
            #expect(!ROCA.hasFingerprint(random))
        }
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048).publicKey
        #expect(!ROCA.hasFingerprint(Array(try key.getKeyPrimitives().modulus)))
    }

    /// `multiple` times 2^1900 or so of the primes' product, and 65537^power modulo it.
    private static func modulus(power: Int, multiple: UInt64) -> [UInt8] {
        let primes = (2...167).filter { number in (2..<number).allSatisfy { number % $0 != 0 } }
        let product = primes.reduce(Big(1)) { $0 * UInt64($1) }
        var residue = Big(1)
        for _ in 0..<power { residue = (residue * 65537) % product }
        // The product shifted up until it has 2048 bits with its factor stays a multiple of itself.
        var multipleOfAll = product * (multiple | 1)
        while multipleOfAll.bits < 2048 { multipleOfAll = multipleOfAll + multipleOfAll }
        return (multipleOfAll + residue).bytes
    }
}

/// As much arithmetic as making such a modulus takes; little endian limbs of 32 bits.
private struct Big {
    var limbs: [UInt64]
    init(_ value: UInt64) { limbs = [value] }

    var bits: Int {
        let used = limbs.lastIndex { $0 != 0 } ?? 0
        return used * 32 + (64 - limbs[used].leadingZeroBitCount)
    }

    var bytes: [UInt8] {
        (0..<256).reversed().map { index in
            index / 4 < limbs.count ? UInt8(truncatingIfNeeded: limbs[index / 4] >> UInt64(8 * (index % 4))) : 0
        }
    }

    static func * (left: Big, factor: UInt64) -> Big {
        // The factor in two halves, so that nothing overflows.
        let (low, high) = (factor & 0xFFFF_FFFF, factor >> 32)
        var result = Big(0)
        result.limbs = carried(left.limbs.map { $0 * low })
        if high > 0 {
            var upper = Big(0)
            upper.limbs = carried([0] + left.limbs.map { $0 * high })
            result = result + upper
        }
        return result
    }

    static func + (left: Big, right: Big) -> Big {
        var result = Big(0)
        result.limbs = carried(
            (0..<max(left.limbs.count, right.limbs.count)).map { index in
                (index < left.limbs.count ? left.limbs[index] : 0)
                    + (index < right.limbs.count ? right.limbs[index] : 0)
            })
        return result
    }

    /// By subtracting, since the left side is at most 65537 times the right one.
    static func % (left: Big, right: Big) -> Big {
        var rest = left
        for shift in (0...17).reversed() {
            let part = right * (1 << UInt64(shift))
            while !rest.isBelow(part) { rest.subtract(part) }
        }
        return rest
    }

    private func isBelow(_ other: Big) -> Bool {
        for index in (0..<max(limbs.count, other.limbs.count)).reversed() {
            let (mine, theirs) = (
                index < limbs.count ? limbs[index] : 0, index < other.limbs.count ? other.limbs[index] : 0
            )
            if mine != theirs { return mine < theirs }
        }
        return false
    }

    private mutating func subtract(_ other: Big) {
        var borrow: UInt64 = 0
        for index in limbs.indices {
            let taken = (index < other.limbs.count ? other.limbs[index] : 0) + borrow
            borrow = limbs[index] < taken ? 1 : 0
            limbs[index] = (limbs[index] &+ (borrow << 32)) &- taken
        }
    }

    private static func carried(_ limbs: [UInt64]) -> [UInt64] {
        var result: [UInt64] = []
        var carry: UInt64 = 0
        for limb in limbs {
            let (sum, overflow) = limb.addingReportingOverflow(carry)
            result.append(sum & 0xFFFF_FFFF)
            carry = (sum >> 32) + (overflow ? 1 << 32 : 0)
        }
        while carry > 0 {
            result.append(carry & 0xFFFF_FFFF)
            carry >>= 32
        }
        return result
    }
}
