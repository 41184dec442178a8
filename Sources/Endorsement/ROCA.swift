/// The fingerprint of RSA keys that a flawed generator made, whose factors can be computed: CVE-2017-15361, "The Return
/// of Coppersmith's Attack" (Nemec et al., CCS 2017), §5.1.
///
/// Each factor of such a key is a power of 65537 modulo every small prime, and so is their product. For any other
/// modulus the chance is about 2^-28.
public enum ROCA {
    /// The primes below 168, without those modulo which 65537 generates everything and nothing can be told.
    private static let primes: [(prime: Int, powers: Set<Int>)] = {
        let candidates = (3...167).filter { number in (2..<number).allSatisfy { number % $0 != 0 } }
        return candidates.map { ($0, powers(modulo: $0)) }.filter { $0.1.count < $0.0 - 1 }
    }()

    /// The subgroup that 65537 generates.
    private static func powers(modulo prime: Int) -> Set<Int> {
        var all: Set<Int> = []
        var power = 1
        while all.insert(power).inserted { power = power * 65537 % prime }
        return all
    }

    /// Whether the modulus, big endian, has the fingerprint.
    public static func hasFingerprint(_ modulus: [UInt8]) -> Bool {
        primes.allSatisfy { prime, powers in
            powers.contains(modulus.reduce(0) { ($0 << 8 | Int($1)) % prime })
        }
    }
}
