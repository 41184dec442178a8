import TPM
import TPMDevice
import TestSupport
import Testing

/// The vault's own policy session stays in the chip between two uses, where root on the host can reach it.
@Suite("A policy session that is kept")
struct KeptSessionTests {
    private static func withKept(_ body: (EnrolledChip) throws -> Void) async throws {
        try await withEnrolledChip { enrolled in
            enrolled.chip.keepsPolicySession = true
            try enrolled.evaluate()
            enrolled.chip.times = CommandTimes()
            try body(enrolled)
            let kept = try sessions(enrolled)
            #expect(kept.count == 1)
            for session in kept { enrolled.courier.flush(session) }
        }
    }

    /// Loaded HMAC and policy sessions are listed with the type of the former. TPM 2.0 Part 2 §7.4.
    private static func sessions(_ enrolled: EnrolledChip) throws -> [Handle] {
        try enrolled.chip.handles(from: 0x0200_0000).map { Handle($0.rawValue & 0xFF_FFFF | 0x0300_0000) }
    }

    private static func evaluate(_ enrolled: EnrolledChip) throws {
        let point = P256Point.someone
        let evaluated = try enrolled.evaluate(point)
        #expect(try evaluated == enrolled.expected(point))
    }

    private static func count(of command: CommandCode, _ enrolled: EnrolledChip) -> Int {
        enrolled.chip.times?.summary.first { $0.command == command }?.count ?? 0
    }

    @Test("an evaluation takes the session that has just loaded the key")
    func justUsed() async throws {
        try await Self.withKept { enrolled in
            try Self.evaluate(enrolled)
            #expect(Self.count(of: .policyNV, enrolled) == 1)
            #expect(Self.count(of: .startAuthSession, enrolled) == 0)
            #expect(try enrolled.count() == SlotCount(count: 2, ceiling: 10))
        }
    }

    @Test("an evaluation begins in a session of its own where another command came in between")
    func usedBefore() async throws {
        try await Self.withKept { enrolled in
            let chip = enrolled.chip
            try enrolled.withEvaluationKey { key in
                try chip.run(.getRandom(8))
                try chip.withPolicy(
                    enrolled.evaluationPolicy, for: .ecdhZGen, evidence: .spending(enrolled.written)
                ) { (session) throws(ChipError) in
                    _ = try chip.run(.ecdhZGen(key, .someone), authorizedBy: session)
                }
            }
            #expect(Self.count(of: .startAuthSession, enrolled) == 1)
            #expect(try enrolled.count() == SlotCount(count: 2, ceiling: 10))
        }
    }

    /// The attack: 1. root runs a policy command in the vault's session while it is idle; 2. the next policy does not hold in it;
    /// 3. a person's guess is spent for nothing.
    @Test("what root runs in it, or flushes, costs nobody a guess", arguments: [true, false])
    func touched(isFlushed: Bool) async throws {
        try await Self.withKept { enrolled in
            let session = try #require(try Self.sessions(enrolled).first)
            if isFlushed {
                enrolled.courier.flush(session)
            } else {
                try enrolled.courier.expect(.success, .policyCommandCode(session, .nvWrite))
            }
            try Self.evaluate(enrolled)
            #expect(Self.count(of: .policyNV, enrolled) == 1)
            #expect(try enrolled.count() == SlotCount(count: 2, ceiling: 10))
        }
    }

    /// The attack: 1. root flushes the vault's session while it is idle; 2. a device's session gets its handle; 3. the vault takes it for
    /// its own, and ends it.
    @Test("another session that gets its handle is not mistaken for it")
    func handle() async throws {
        try await Self.withKept { enrolled in
            let chip = enrolled.chip
            enrolled.courier.flush(try #require(try Self.sessions(enrolled).first))
            let other = try chip.startSession(.policy).handle
            let slot = enrolled.slot
            try chip.run(.policyCommandCode(other, .nvWrite))
            #expect(try chip.read(slot) == SlotCount(count: 1, ceiling: 10))
            // It is there, and as it was.
            let digest = try chip.run(.policyGetDigest(other)).parameters.dropFirst(2)
            #expect(Array(digest) == Policy(steps: [.commandCode(.nvWrite)]).digest())
            try chip.flush(other)
        }
    }

    /// The emulated chip flushes the HMAC session in a place when it is asked to flush the policy session there.
    @Test("an HMAC session that gets its place stays")
    func place() async throws {
        try await Self.withKept { enrolled in
            let chip = enrolled.chip
            let idle = try #require(try Self.sessions(enrolled).first)
            enrolled.courier.flush(idle)
            let other = try chip.startSession(.hmac).handle
            #expect(other != idle && other.hasPlace(of: idle))
            #expect(try chip.read(enrolled.slot) == SlotCount(count: 1, ceiling: 10))
            #expect(try chip.handles(from: 0x0200_0000).contains(other))
            try chip.flush(other)
        }
    }
}
