import CSodium
import Glibc

/// Argon2id, version 0x13, one lane (RFC 9106; libsodium's `crypto_pwhash`).
public enum Argon2id {
    /// The salt's size in bytes: always exactly this.
    public static let saltSize = 16
    /// The result's size in bytes.
    public static let outputSize = 32

    /// How much work one evaluation is. Values out of range cannot be made, so that no stranger's recipe takes more
    /// memory than the person's machine has, or less work than the person's password needs.
    public struct Parameters: Hashable, Sendable {
        /// 64 MiB to 1 GiB, in KiB.
        public static let memoryRange: ClosedRange<UInt32> = 65_536...1_048_576
        /// 3 to 10 passes.
        public static let passesRange: ClosedRange<UInt32> = 3...10
        /// 256 MiB and 3 passes.
        public static let standard = Parameters(checkedMemoryKiB: 262_144, passes: 3)

        /// Memory in KiB.
        public let memoryKiB: UInt32
        /// Passes over the memory.
        public let passes: UInt32

        /// Takes memory in KiB and passes, and refuses what is out of range.
        public init(memoryKiB: UInt32, passes: UInt32) throws(Argon2idError) {
            guard Self.memoryRange.contains(memoryKiB), Self.passesRange.contains(passes) else {
                throw .outOfRange(memoryKiB: memoryKiB, passes: passes)
            }
            self.init(checkedMemoryKiB: memoryKiB, passes: passes)
        }

        private init(checkedMemoryKiB memoryKiB: UInt32, passes: UInt32) {
            self.memoryKiB = memoryKiB
            self.passes = passes
        }
    }

    /// Stretches `input` to 32 bytes. Blocks for as long as the parameters ask for, in the order of a second.
    ///
    /// - Parameter salt: exactly 16 bytes.
    public static func derive(
        from input: borrowing SecretBytes, salt: [UInt8], parameters: Parameters
    ) throws(Argon2idError) -> SecretBytes {
        guard salt.count == saltSize else { throw .saltSize(salt.count) }
        var output = SecretBytes(random: outputSize)
        let inputSize = UInt64(input.count)
        let status = unsafe output.withMutablePointer { out in
            unsafe input.withPointer { password in
                unsafe password.withMemoryRebound(to: CChar.self, capacity: max(Int(inputSize), 1)) { password in
                    unsafe crypto_pwhash(
                        out, UInt64(outputSize), password, inputSize, salt,
                        UInt64(parameters.passes), Int(parameters.memoryKiB) * 1024, crypto_pwhash_ALG_ARGON2ID13)
                }
            }
        }
        guard status == 0 else { throw .noMemory(memoryKiB: parameters.memoryKiB) }
        return output
    }
}

/// Why Argon2id did not run. None of these spends a guess.
public enum Argon2idError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Memory or passes outside what this program accepts.
    case outOfRange(memoryKiB: UInt32, passes: UInt32)
    /// A salt that is not 16 bytes.
    case saltSize(Int)
    /// The system did not give this much memory.
    case noMemory(memoryKiB: UInt32)

    public var description: String {
        switch self {
        case .outOfRange(let memory, let passes):
            "Argon2id with \(memory) KiB and \(passes) passes is refused; use 65536 to 1048576 KiB and 3 to 10 passes."
        case .saltSize(let size):
            "Argon2id needs a salt of 16 bytes, not \(size); this is a mistake in the program that asked."
        case .noMemory(let memory):
            "There is no memory for Argon2id (\(memory / 1024) MiB); close other programs and try again."
        }
    }
}
