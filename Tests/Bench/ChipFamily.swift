import ArgumentParser
import Foundation
import TestSupport

/// Real chips that an emulated one is slowed down to. What a multiplication takes is published, and a verification for the fastest and
/// the slowest of them; the others' is assumed to take twice a multiplication, and every other command 5 ms, bus and NV writes
/// included (docs/performance.md).
enum ChipFamily: String, CaseIterable, ExpressibleByArgument, Sendable {
    case amd, intel, nuvoton, infineon

    var name: String {
        switch self {
        case .amd: "AMD firmware TPM"
        case .intel: "Intel, recent"
        case .nuvoton: "Nuvoton NPCT75x"
        case .infineon: "Infineon SLB9672, ST33"
        }
    }

    /// In milliseconds: ECDH_ZGen, and StartAuthSession salted to a key on P-256.
    private var multiplication: Double {
        switch self {
        case .amd: 4
        case .intel: 12
        case .nuvoton: 16
        case .infineon: 73
        }
    }

    /// In milliseconds: PolicySigned.
    private var verification: Double {
        switch self {
        case .amd: 9
        case .intel: 24
        case .nuvoton: 32
        case .infineon: 112
        }
    }

    private static let other = 5.0

    /// How many milliseconds this command takes such a chip.
    func time(of command: ChipRelay.Command) -> Double {
        switch command.code {
        case 0x154: multiplication
        // Its first handle is the key that the salt is encrypted to, or TPM_RH_NULL.
        case 0x176: command.bytes[10..<14] == [0x40, 0, 0, 7] ? Self.other : multiplication
        case 0x160: verification
        default: Self.other
        }
    }

    /// Gives each answer when such a chip would.
    var plan: ChipRelay.Plan {
        { command in
            let ready = Date(timeIntervalSinceNow: time(of: command) / 1000)
            return .carryThen { Thread.sleep(until: ready) }
        }
    }
}
