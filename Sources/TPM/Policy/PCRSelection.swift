/// Registers of the platform, by bank: TPML_PCR_SELECTION. TPM 2.0 Part 2 §10.9.7.
public struct PCRSelection: Hashable, Sendable {
    public let banks: [Bank]

    /// The registers of one hash.
    public struct Bank: Hashable, Sendable {
        /// The bank's TPM_ALG_ID; SHA-1 (0004) is one that Tenpin itself never uses.
        public let hash: UInt16
        /// The registers' numbers from 0 to 23, ascending.
        public let registers: [UInt8]

        public init(hash: UInt16, registers: some Sequence<UInt8>) {
            self.hash = hash
            self.registers = Set(registers).sorted()
        }
    }

    /// What the registers shall hold.
    public enum Expected: Hashable, Sendable {
        /// Their values, in the order of the selection.
        case values([[UInt8]])
        /// The digest of their values with the policy's hash.
        case digest([UInt8])
    }

    /// The number of registers that a chip for a PC has, and so the size of its bit map.
    public static let registers = 24

    public init(_ banks: [Bank]) { self.banks = banks }

    /// The marshalled TPML_PCR_SELECTION, three bytes of bit map a bank.
    public var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.integer(UInt32(banks.count))
            for bank in banks {
                writer.integer(bank.hash)
                writer.integer(UInt8(Self.registers / 8))
                var map = [UInt8](repeating: 0, count: Self.registers / 8)
                for register in bank.registers where Int(register) < Self.registers {
                    map[Int(register) / 8] |= 1 << (register % 8)
                }
                writer.raw(map)
            }
        }
    }
}

extension PCRSelection.Expected {
    /// The digest that PolicyPCR compares, under a policy's hash.
    func digest(_ hash: HashAlgorithm) -> [UInt8] {
        switch self {
        case .values(let values): hash.digest(values.flatMap(\.self))
        case .digest(let digest): digest
        }
    }
}
