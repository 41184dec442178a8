import Foundation
import ProgramTestSupport
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// The vault's process killed, or its chip's power cut, at every command that the chip gets.
@Suite("Killed at every TPM command") struct KillTests {
    /// Where, as seen from one command.
    enum Moment: CaseIterable, Sendable {
        /// The chip never gets it.
        case before
        /// The chip has done it, and the vault never hears.
        case after
    }

    @Test("the vault's process", arguments: Talk.allCases)
    func vault(talk: Talk) async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(talk, at: bench)
            let length = try await sweep.honest().commands.count
            #expect(length > 5)
            for point in Sweep.points(2 * length, few: talk.few) {
                let (number, moment) = (point / 2, Moment.allCases[point % 2])
                let what = "killed \(moment) command \(number)"
                try await sweep.disturbed(what) {
                    bench.relay.begin { command in
                        guard command.number == number else { return .carry }
                        guard moment == .before else { return .carryThen { bench.kill() } }
                        bench.kill()
                        return .loseCommand
                    }
                } mend: {
                    try await bench.restart()
                    try sweep.checkRows("\(what), and started again")
                } judge: { error in
                    // What comes after the last command may have reached the device.
                    #expect(error != nil || number >= length - 3, "\(talk), command \(number) of \(length)")
                }
            }
        }
    }

    @Test("the chip's power, and the vault goes on with it without being started again", arguments: Talk.allCases)
    func chip(talk: Talk) async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(talk, at: bench)
            let length = try await sweep.honest().commands.count
            for point in Sweep.points(2 * length, few: talk.few) {
                let (number, moment) = (point / 2, Moment.allCases[point % 2])
                try await sweep.disturbed("power cut \(moment) command \(number)") {
                    bench.relay.begin { command in
                        guard command.number == number else { return .carry }
                        if moment == .after { _ = try? bench.relay.inject(command.bytes) }
                        bench.stage.chip.cutPower()
                        return .loseCommand
                    }
                } mend: {
                    try await bench.stage.chip.start()
                    #expect(bench.isAlive)
                }
            }
        }
    }
}

extension Talk {
    /// How many points of it the default run takes.
    var few: Int {
        switch self {
        case .enroll, .change: 6
        case .forget: 5
        case .recover: 10
        case .status, .guess, .grant: 8
        }
    }
}
