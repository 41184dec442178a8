import Foundation
import Synchronization
import TestSupport

/// What a chip without a property would do, as a relay between vault and chip can have it seem: raw bytes, from the
/// standard, and no code of the project's.
enum Lies {
    /// For each property, by its id, the chips that do not have it, and what must be said of them.
    static let all: [String: [(says: String, plan: @Sendable () -> ChipRelay.Plan)]] = [
        "commands": [("ECDH_ZGen", { lacking(0x154) })],
        "largest-digest": [("32 bytes", { property(0x120, is: 32) })],
        "evaluation-exact": [("not the key's", { always(0x154, generator) })],
        "bundle-by-signature": [
            ("without an authorization was not refused", { accepting(0x15E, [0, 109] + repeated(0x5A, 109)) }),
            ("not what went in", { always(0x15E, [0, 109] + repeated(0x5B, 109)) }),
        ],
        "count-before-command": [
            ("after a PolicyNV whose comparison failed the count is 0", { comparingFirst }),
            ("the count is 1 instead of 2", { uncounted(from: 1) }),
        ],
        "ceiling-exact": [
            ("above the ceiling 2 was not refused", { accepting(0x149) }),
            ("the chip answered PolicyNV", { refusing(0x149, 0x12F, from: 1) }),
        ],
        "one-use": [("a second evaluation was not refused", { accepting(0x154, generator) })],
        "context-loads-once": [("again was not refused", { accepting(0x161, [3, 0, 0, 0]) })],
        "trial-gives-nothing": [("by a trial session was not refused", { accepting(0x154, generator) })],
        "reads-uncounted": [("after reads by the policy the count is", { countingReads })],
        "slot-alone-authorizes": [("PolicyNV by the owner was not refused", { accepting(0x149) })],
        "key-wants-a-guess": [("without an authorization was not refused", { accepting(0x154, generator) })],
        "guess-is-for-zgen": [
            ("Duplicate by a spent guess was not refused", { accepting(0x14B, [0, 0, 0, 0, 0, 0]) }),
            ("ZGen_2Phase by a spent guess was not refused", { accepting(0x18D, [0, 0, 0, 0]) }),
        ],
        "name-covers-attributes": [("another index's guess was not refused", { accepting(0x154, generator) })],
        "name-tells-written": [("Name is", { altering(0x169) { $0[$0.count - 1] ^= 1 } })],
        "redefined-is-unwritten": [("at the unwritten slot was not refused", { accepting(0x149) })],
        "authvalue-fixed": [("NV_ChangeAuth by password was not refused", { accepting(0x13B) })],
        "limit-key-alone-writes": [
            ("the owner's write was not refused", { accepting(0x137) }),
            ("another key's signature was not refused", { accepting(0x160, [0, 0] + repeated(0, 8)) }),
        ],
        "writes-not-interchangeable": [("other than the signed one was not refused", { accepting(0x137) })],
        "signature-for-one-session": [
            ("another session's nonce was not refused", { accepting(0x160, [0, 0] + repeated(0, 8)) })
        ],
        "signature-expires": [("a write after its time was not refused", { accepting(0x137) })],
        "burn-stays": [("a guess after the burn was not refused", { accepting(0x149) })],
        "device-session": [
            ("is not the chip's", { altering(0x17B) { $0[$0.count - 1] ^= 1 } }),
            ("without the device's HMAC was not refused", { accepting(0x137) }),
        ],
        "points-evaluation": [("a point beside the curve was not refused", { accepting(0x154, generator) })],
        "points-salt-evaluation-key": [("was multiplied by the evaluation key", { accepting(0x176, session) })],
        "points-salt-parent": [("was multiplied by the parent", { accepting(0x176, session) })],
        "points-salt-endorsement": [("was multiplied by the endorsement key", { accepting(0x176, session) })],
        "points-import": [
            ("which comes after the check that is due", { refusing(0x156, 0x3DF, instead: true) }),
            ("a point beside the curve was not refused", { accepting(0x156, [0, 0]) }),
        ],
        "rewrap-refused": [("Rewrap without an authorization was not refused", { accepting(0x152, [0, 0, 0, 0]) })],
        "parent-only-takes-in": [
            ("ECDH_ZGen without an authorization was not refused", { accepting(0x154, generator) })
        ],
        "answered-is-counted": [
            ("the count went from 0 to 0", { evaluatingUncounted(from: 0) }),
            ("the count went from 5 to 5", { evaluatingUncounted(from: 5) }),
        ],
        "count-kept": [("on another connection the count is 0", { forgettingOnReconnect })],
        "count-survives-restart": [("the count is 0 instead of 3", { countingNothing })],
    ]

    // MARK: kinds of lies

    private static func repeated(_ byte: UInt8, _ count: Int) -> [UInt8] { Array(repeating: byte, count: count) }

    /// A success with these parameters, to a command with or without an authorization area (TPM 2.0 Part 1 §18).
    static func success(to command: ChipRelay.Command, _ parameters: [UInt8]) -> [UInt8] {
        command.bytes[0..<2] == [0x80, 0x02]
            ? ChipRelay.successWithPassword(parameters) : ChipRelay.success(parameters)
    }

    /// The chip refuses a command, and its answer is success.
    static func accepting(_ code: UInt32, _ parameters: [UInt8] = []) -> ChipRelay.Plan {
        { command in
            guard command.code == code else { return .carry }
            return .alter { said in
                ChipRelay.integer(said[6..<10]) == 0 ? said : success(to: command, parameters)
            }
        }
    }

    /// Whatever the chip does with a command, what it answers when it succeeds is this.
    static func always(_ code: UInt32, _ parameters: [UInt8]) -> ChipRelay.Plan {
        { command in
            guard command.code == code else { return .carry }
            return .alter { said in
                ChipRelay.integer(said[6..<10]) == 0 ? success(to: command, parameters) : said
            }
        }
    }

    /// Successful answers to a command are altered.
    static func altering(_ code: UInt32, _ alteration: @escaping @Sendable (inout [UInt8]) -> Void) -> ChipRelay.Plan {
        { command in
            guard command.code == code else { return .carry }
            return .alter { said in
                var told = said
                if ChipRelay.integer(said[6..<10]) == 0 { alteration(&told) }
                return told
            }
        }
    }

    /// A command is refused from its `first`th time on, and the chip never has it; or, `instead`, refused with another code.
    static func refusing(_ code: UInt32, _ refusal: UInt32, from first: Int = 0, instead: Bool = false)
        -> ChipRelay.Plan
    {
        let seen = Counter()
        return { command in
            guard command.code == code else { return .carry }
            if instead {
                return .alter { said in ChipRelay.integer(said[6..<10]) == 0 ? said : ChipRelay.refusal(refusal) }
            }
            return seen.next() >= first ? .refuse(refusal) : .carry
        }
    }

    /// PolicyNV succeeds from its `first`th time on without the chip having it: an authorization that is not counted.
    static func uncounted(from first: Int) -> ChipRelay.Plan {
        let seen = Counter()
        return { command in
            guard command.code == 0x149, seen.next() >= first else { return .carry }
            return .answer(success(to: command, []))
        }
    }

    /// The same, and then ECDH_ZGen evaluates: what a chip does that ignores an error of its memory.
    static func evaluatingUncounted(from first: Int) -> ChipRelay.Plan {
        let spending = uncounted(from: first)
        let evaluating = accepting(0x154, generator)
        return { command in command.code == 0x149 ? spending(command) : evaluating(command) }
    }

    /// A comparison that does not hold is refused before it is counted. Its operand, one byte, stands after three handles and
    /// one password (TPM 2.0 Part 3 §23.9).
    static var comparingFirst: ChipRelay.Plan {
        { command in
            let isLost = command.code == 0x149 && command.bytes.suffix(5).first == 0xFF
            return isLost ? .refuse(0x126) : .carry
        }
    }

    /// Reads through a policy session count as well.
    static var countingReads: ChipRelay.Plan {
        let seen = Counter()
        return { command in
            guard command.code == 0x14E, command.bytes[22] == 3 else { return .carry }
            let more = UInt8(seen.next() + 1)
            return .alter { said in
                var told = said
                if ChipRelay.integer(said[6..<10]) == 0 { told[19] &+= more }
                return told
            }
        }
    }

    /// The count begins again with a connection: with its Startup.
    static var forgettingOnReconnect: ChipRelay.Plan {
        let connections = Counter()
        let forgetting = countingNothing
        return { command in
            if command.code == 0x144 { _ = connections.next() }
            return connections.value > 1 ? forgetting(command) : .carry
        }
    }

    /// Every count is 0.
    static var countingNothing: ChipRelay.Plan {
        altering(0x14E) { told in
            for index in 16..<20 { told[index] = 0 }
        }
    }

    /// A TPM_PT has this value. The answer: more, capability, count, then tag and value (TPM 2.0 Part 3 §30.2).
    static func property(_ tag: UInt32, is value: UInt8) -> ChipRelay.Plan {
        { command in
            let isAsked =
                command.code == 0x17A && ChipRelay.integer(command.bytes[10..<14]) == 6
                && ChipRelay.integer(command.bytes[14..<18]) == tag
            guard isAsked else { return .carry }
            return .alter { said in said.dropLast(4) + [0, 0, 0, value] }
        }
    }

    /// The chip has no such command: its entry (TPMA_CC) is a vendor's.
    static func lacking(_ code: UInt32) -> ChipRelay.Plan {
        { command in
            guard command.code == 0x17A, ChipRelay.integer(command.bytes[10..<14]) == 2 else { return .carry }
            return .alter { said in
                var told = said
                for start in stride(from: 19, to: told.count, by: 4)
                where ChipRelay.integer(told[start + 2..<start + 4]) == code { told[start] |= 0x20 }
                return told
            }
        }
    }

    /// The base point of P-256 as TPM2B_ECC_POINT.
    static let generator =
        [0, 68, 0, 32] + hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
        + [0, 32] + hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")

    /// A session's handle, and its nonce of 32 bytes.
    static let session = [2, 0, 0, 7, 0, 32] + repeated(9, 32)
}

/// Counts from 0, on whatever thread.
final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }

    func next() -> Int {
        count.withLock { count in
            defer { count += 1 }
            return count
        }
    }
}
