import Foundation
import Secrets
import TestSupport
import Testing

@Suite struct Argon2idTests {
    static let input = hex(0x00...0x1f)
    static let salt = Array(UInt8(0)...15)

    // Values of the reference implementation (libargon2), version 0x13, one lane, no key and no associated data.
    @Test(
        "Argon2id gives the reference implementation's answers",
        arguments: [
            (65_536, 3, "726e2920279543acc91de15d8c029166b9baef5ae5a9a2bbd2c485562b43555f"),
            (65_536, 4, "d6c751fbf65f325226af1f4cc6c5e25e10504a433b2d58c1ee52bab071c9aaef"),
            (262_144, 3, "a0102ce2ba168e2e9b4f424aa93ac53427c088cb201845fc551e4f550723cddd"),
        ] as [(UInt32, UInt32, String)])
    func knownAnswers(memory: UInt32, passes: UInt32, answer: String) throws {
        let parameters = try Argon2id.Parameters(memoryKiB: memory, passes: passes)
        #expect(
            digits(try Argon2id.derive(from: secret(Self.input), salt: Self.salt, parameters: parameters)) == answer)
    }

    @Test("the standard is 256 MiB and 3 passes")
    func standard() throws {
        #expect(Argon2id.Parameters.standard == (try Argon2id.Parameters(memoryKiB: 256 * 1024, passes: 3)))
    }

    @Test(
        "parameters out of range are refused before any memory is taken",
        arguments: [(65_535, 3), (65_536, 2), (1_048_577, 3), (1_048_576, 11), (0, 0), (.max, .max)]
            as [(UInt32, UInt32)])
    func range(memory: UInt32, passes: UInt32) {
        #expect(throws: Argon2idError.outOfRange(memoryKiB: memory, passes: passes)) {
            try Argon2id.Parameters(memoryKiB: memory, passes: passes)
        }
    }

    @Test("the limits themselves are allowed", arguments: [(65_536, 3), (1_048_576, 10)] as [(UInt32, UInt32)])
    func limits(memory: UInt32, passes: UInt32) throws {
        #expect(try Argon2id.Parameters(memoryKiB: memory, passes: passes).memoryKiB == memory)
    }

    @Test("memory that cannot be had is an error, not the end of the process")
    func noMemory() async {
        await #expect(processExitsWith: .success) {
            let input = SecretBytes(random: 32)
            let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").first
            let used = try #require(pages.flatMap { rlim_t($0) }) * 4096
            var limit = rlimit(rlim_cur: used + (100 << 20), rlim_max: used + (100 << 20))
            setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
            #expect(throws: Argon2idError.noMemory(memoryKiB: 262_144)) {
                _ = try Argon2id.derive(from: input, salt: Argon2idTests.salt, parameters: .standard)
            }
        }
    }

    @Test("a salt that is not 16 bytes is refused", arguments: [0, 15, 17])
    func saltSize(size: Int) {
        #expect(throws: Argon2idError.saltSize(size)) {
            _ = try Argon2id.derive(
                from: SecretBytes(random: 32), salt: [UInt8](repeating: 0, count: size), parameters: .standard)
        }
    }
}
