import Foundation
import ProgramTestSupport
import Synchronization
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// Answers that a chip gives when it is busy, full, worn, broken or gone: a clear error that says what it cost, nothing left
/// behind on the chip, and everything works again when the chip does, without a restart.
@Suite("A chip that answers as it should not") struct HostileAnswerTests {
    /// What the vault is told instead of what it asked for.
    enum Answer: Equatable, Sendable, CustomStringConvertible {
        /// The chip never has the command.
        case code(UInt32)
        /// The chip has done it; half of the answer comes, and its size says so.
        case half
        /// The chip has done it; the answer's tag is none.
        case garbled
        /// The chip has done it; the answer claims to be larger than anything.
        case oversized
        case connectionLostBefore
        case connectionLostAfter

        var description: String {
            if case .code(let code) = self { return ResponseCode(rawValue: code).description }
            return switch self {
            case .half: "half an answer"
            case .garbled: "an answer with another tag"
            case .oversized: "an answer that claims 2 GiB"
            case .connectionLostBefore: "a connection closed before"
            default: "a connection closed after"
            }
        }

        var fate: ChipRelay.Fate {
            switch self {
            case .code(let code): .refuse(code)
            case .half:
                .alter { bytes in
                    var half = Array(bytes.prefix(max(10, bytes.count / 2)))
                    half.replaceSubrange(2..<6, with: [0, 0, UInt8(half.count >> 8), UInt8(half.count & 0xFF)])
                    return half
                }
            case .garbled: .alter { [0x12, 0x34] + $0.dropFirst(2) }
            case .oversized: .alter { $0.prefix(2) + [0x7F, 0xFF, 0xFF, 0xFF] + $0.dropFirst(6) }
            case .connectionLostBefore: .loseCommand
            case .connectionLostAfter: .loseAnswer
            }
        }

        /// Codes to which the command is sent again; PolicyNV to RETRY alone.
        static let passing: [UInt32] = [0x922, 0x908, 0x90A, 0x920]
        /// CONTEXT_GAP, OBJECT_MEMORY, SESSION_MEMORY, MEMORY, SESSION_HANDLES, OBJECT_HANDLES, REFERENCE_H0 to _H2,
        /// REFERENCE_S0 and _S1, LOCKOUT, NV_UNAVAILABLE, FAILURE, INITIALIZE.
        static let refusing: [UInt32] = [
            0x901, 0x902, 0x903, 0x904, 0x905, 0x906, 0x910, 0x911, 0x912, 0x918, 0x919, 0x921, 0x923, 0x101, 0x100,
        ]
        static let codes = (passing + refusing).map(Answer.code)
        static let all: [Answer] = codes + [.half, .garbled, .oversized, .connectionLostBefore, .connectionLostAfter]
    }

    /// What a person may be told. Nothing that blames the person's signature, slot or connection, when it is the chip.
    private static func isClear(_ reason: VaultClientError.Reason) -> Bool {
        switch reason {
        case .fault(.chipUnavailable), .fault(.chipFailedAfterSpending), .fault(.sessionGone): true
        case .exposed(_, .noReply): true
        case .oldSlotStays(let inner): isClear(inner)
        default: false
        }
    }

    @Test("once, at each command of each conversation", arguments: Talk.allCases)
    func once(talk: Talk) async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(talk, at: bench)
            let commands = try await sweep.honest().commands
            for point in Sweep.points(commands.count * Answer.all.count, few: talk.fewAnswers) {
                let (number, answer) = (point / Answer.all.count, Answer.all[point % Answer.all.count])
                let name = CommandCode(rawValue: commands[number])?.description ?? ""
                let what = "\(answer) to command \(number), \(name)"
                try await sweep.disturbed(what) {
                    bench.relay.begin { $0.number == number ? answer.fate : .carry }
                } mend: {
                    #expect(bench.isAlive)
                } judge: { error in
                    if let error { #expect(Self.isClear(error.reason), "\(talk), \(what): \(error)") }
                    // A command that may be sent again is, and nobody notices.
                    guard case .code(let code) = answer, Answer.passing.contains(code) else { return }
                    let command = bench.relay.exchanges.first { $0.command.number == number }?.command.code
                    let isSentAgain = command != CommandCode.policyNV.rawValue || code == 0x922
                    #expect(error == nil || !isSentAgain, "\(talk), \(what): \(String(describing: error))")
                }
            }
        }
    }

    @Test("always from some command on: the conversation ends in bounded time, and works when the chip does")
    func always() async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(.guess, at: bench)
            let commands = try await sweep.honest().commands
            let evaluation = try #require(commands.firstIndex(of: CommandCode.policyNV.rawValue))
            // The slowest are the ones that are sent again; each is tried where it hurts most.
            var cases = [(evaluation, Answer.code(0x922)), (evaluation + 2, .code(0x920))]
            for answer in Answer.all where !Answer.passing.map(Answer.code).contains(answer) {
                cases += Sweep.points(commands.count, few: 2).map { ($0, answer) }
            }
            for (number, answer) in cases {
                let what = "always \(answer) from command \(number) on"
                try await sweep.disturbed(what) {
                    bench.relay.begin { $0.number >= number ? answer.fate : .carry }
                } mend: {
                    #expect(bench.isAlive)
                } judge: { error in
                    #expect(error != nil || number >= commands.count - 2, "\(what)")
                    if let error { #expect(Self.isClear(error.reason), "\(what): \(error)") }
                    #expect(bench.relay.count(of: CommandCode.policyNV.rawValue) <= 9)
                }
            }
        }
    }

    @Test("PolicyNV, which counts, is sent again only when the chip says that it was not begun, and then it is logged")
    func counted() async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(.guess, at: bench)
            let isCounting: @Sendable (ChipRelay.Command) -> Bool = { $0.code == CommandCode.policyNV.rawValue }
            for answer in Answer.all {
                let isFirst = Mutex(true)
                try await sweep.disturbed("\(answer) to PolicyNV") {
                    bench.relay.begin { command in
                        guard isCounting(command) else { return .carry }
                        return isFirst.withLock { first in
                            defer { first = false }
                            return first ? answer.fate : .carry
                        }
                    }
                } mend: {
                } judge: { error in
                    let sent = bench.relay.count(of: CommandCode.policyNV.rawValue)
                    let reason = error?.reason
                    switch answer {
                    case .code(0x922):
                        #expect(sent == 2 && error == nil)
                        #expect(bench.log.contains("PolicyNV with RETRY"), "\(bench.log.suffix(500))")
                    case .code(0x910), .code(0x911), .code(0x912), .code(0x918), .code(0x919):
                        #expect(sent == 1 && error == VaultClientError.fault(.chipUnavailable))
                    case .garbled where error == nil:
                        #expect(sent == 1)
                    default:
                        #expect(sent == 1 && reason == .fault(.chipFailedAfterSpending), "\(answer)")
                    }
                }
            }
        }
    }

    @Test("a flush that is refused takes no answer away, and is made up for")
    func flush() async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(.guess, at: bench)
            for answer in [Answer.code(0x904), .code(0x922), .code(0x920), .half, .connectionLostBefore] {
                try await sweep.disturbed("\(answer) to every FlushContext") {
                    bench.relay.begin { $0.code == CommandCode.flushContext.rawValue ? answer.fate : .carry }
                } mend: {
                } judge: { error in
                    #expect(error == nil, "\(answer)")
                }
            }
        }
    }

    @Test("ten seconds late, it is waited for")
    func slow() async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(.guess, at: bench)
            let codes: [CommandCode] = Sweep.isExhaustive ? [.nvRead, .load, .policyNV, .ecdhZGen] : [.ecdhZGen]
            for code in codes {
                try await sweep.disturbed("\(code) after ten seconds") {
                    bench.relay.begin { $0.code == code.rawValue ? .carryThen { sleep(10) } : .carry }
                } mend: {
                } judge: { error in
                    #expect(error == nil, "\(code)")
                }
            }
        }
    }

    @Test("an answer that never ends is given up before the device does, and says what it may have cost")
    func endless() async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(.guess, at: bench)
            try await sweep.disturbed("half of an answer to PolicyNV") {
                bench.relay.begin {
                    $0.code == CommandCode.policyNV.rawValue ? .alter { Array($0.prefix(12)) } : .carry
                }
            } mend: {
            } judge: { error in
                #expect(error?.reason == .fault(.chipFailedAfterSpending))
            }
        }
    }

    @Test("in failure mode it is said to the operator, and the vault goes on when the chip was reset")
    func failureMode() async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(.guess, at: bench)
            let commands = try await sweep.honest().commands
            for number in Sweep.points(commands.count, few: 3) {
                try await sweep.disturbed("failure mode from command \(number) on") {
                    bench.relay.begin { $0.number >= number ? .refuse(0x101) : .carry }
                } mend: {
                    let saysSo = "it found itself broken and does nothing until it is reset"
                    try await eventually("the log says so") { bench.log.contains(saysSo) }
                    bench.stage.chip.cutPower()
                    try await bench.stage.chip.start()
                    #expect(bench.isAlive)
                } judge: { error in
                    if let error { #expect(Self.isClear(error.reason), "\(error)") }
                }
            }
        }
    }

    @Test("reset while its connection stays, it is started again before anything else")
    func resetBeneath() async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(.guess, at: bench)
            let commands = try await sweep.honest().commands
            for number in Sweep.points(commands.count, few: 3) {
                try await sweep.disturbed("failure mode from command \(number) on, then a reset") {
                    bench.relay.begin { $0.number >= number ? .refuse(0x101) : .carry }
                } mend: {
                    let isStarted = Mutex(false)
                    bench.relay.begin { command in
                        isStarted.withLock { started in
                            if command.code == CommandCode.startup.rawValue { started = true }
                            return started ? .carry : .refuse(0x100)
                        }
                    }
                }
            }
        }
    }
}

extension Talk {
    /// How many pairs of command and answer of it the default run takes.
    fileprivate var fewAnswers: Int {
        switch self {
        case .enroll, .change, .forget: 8
        case .recover: 14
        case .status, .guess, .grant: 24
        }
    }
}
