/// SplitMix64: small, and the same everywhere.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Makes programs: everything in them follows from the seed.
struct Generator {
    static let people = 2
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// Both people enroll, then anything; sometimes the owner clears the chip at last.
    mutating func program(length: Int) -> [Step] {
        var steps = (0..<Self.people).map { Step.enroll($0, limit: limit(), .none) }
        while steps.count < length { steps.append(step()) }
        if chance(1, of: 6) { steps.append(.clear) }
        return steps
    }

    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func chance(_ part: Int, of whole: Int) -> Bool { number(0..<whole) < part }
    private mutating func person() -> Int { number(0..<Self.people) }
    private mutating func limit() -> UInt32 { UInt32(number(1..<5)) }
    private mutating func any<C: CaseIterable>(_ type: C.Type) -> C where C.AllCases == [C] {
        type.allCases[number(0..<type.allCases.count)]
    }

    private mutating func fault() -> Fault {
        guard chance(1, of: 2) else { return .none }
        switch number(0..<17) {
        case 0: return .loseCall(number(0..<16))
        case 1: return .loseReply(number(0..<16))
        case 2: return .sendTwice(number(0..<16))
        case 3: return .holdWrites
        case 4: return .holdFirstWrite
        case 5: return .hideCeiling
        case 6: return .showOldestCeiling
        case 7, 8: return .killVault(number(0..<60), after: chance(1, of: 2))
        case 9, 10: return .cutPower(number(0..<60), after: chance(1, of: 2))
        case 11: return chance(1, of: 2) ? .refuse(number(0..<60)) : .loseAnswer(number(0..<60))
        case 12: return .guessBefore(number(0..<60))
        case 13: return .foreignDecrypt
        case 14: return .foreignEncrypt
        case 15: return .loseWritesReply
        default: return .writeOther(any(Fault.OtherWrite.self))
        }
    }

    private mutating func step() -> Step {
        switch number(0..<100) {
        case 0..<5: .enroll(person(), limit: limit(), fault())
        case 5..<25: .recover(person(), fault())
        case 25..<31: .mistype(person(), fault())
        case 31..<37: .grant(person(), UInt32(number(1..<4)), fault())
        case 37..<43: .change(person(), limit: limit(), fault())
        case 43..<45: .forget(person(), fault())
        case 45..<48: .status(person(), fault())
        case 48..<50: .moveToRecovered(person())
        case 50: .restartVault
        case 51: .killVault
        case 52: .cutPower
        case 53: .suspend
        case 54: .saveStore
        case 55: .restoreStore(number(0..<8))
        case 56..<58: .guessBySocket(person())
        case 58: .guessAsOther(person(), person())
        case 59..<63: .replayMessage(number(0..<1000))
        case 63..<69: .releaseHeld
        case 69..<73: .guess(person())
        case 73..<75: .useTwice(person())
        case 75: .hoard(person(), number(1..<4))
        case 76..<79: .spendHoard
        case 79..<81: .crossSlot(person(), person())
        case 81: .readInsteadOfSpending(person())
        case 82..<86: .replayCommand(number(0..<10000))
        case 86..<89: .replayWrites(person())
        case 89..<92: .redefine(person(), any(Step.Redefinition.self), back: chance(2, of: 3))
        case 92: .undefine(person())
        case 93..<99: .probe(person(), any(Step.Probe.self))
        default: .saltToKey(person())
        }
    }
}
