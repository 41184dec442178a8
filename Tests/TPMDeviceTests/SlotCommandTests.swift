import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("No command takes a guess back")
struct SlotCommandTests {
    /// Every NV command that may do something to a slot, authorized by an entity of the attacker's choice.
    static func commands(_ slot: Command.Entity, by authority: Command.Entity) -> [(String, RawCommand)] {
        [
            ("NV_Write zeros", .nvWrite(authority: authority, slot, [0, 0, 0, 0, 0, 0, 0, 99])),
            ("NV_Write count", .nvWrite(authority: authority, slot, [0, 0, 0, 0])),
            ("NV_Write ceiling", .nvWrite(authority: authority, slot, [0, 0, 0, 99], offset: 4)),
            ("NV_Increment", .nvIncrement(authority: authority, slot)),
            ("NV_Extend", .nvExtend(authority: authority, slot)),
            ("NV_SetBits", .nvSetBits(authority: authority, slot)),
            ("NV_WriteLock", .nvWriteLock(authority: authority, slot)),
            ("NV_ReadLock", .nvReadLock(authority: authority, slot)),
            ("NV_Read", .nvRead(authority: authority, slot)),
        ]
    }

    /// What the attacker has to authorize a use of the slot, lent for one command.
    static func ways(
        _ enrolled: EnrolledChip, old: Evidence?
    ) -> [(String, Command.Entity, (RawCommand) throws -> ResponseCode)] {
        let courier = enrolled.courier
        let slot = enrolled.written
        func policy(_ satisfy: @escaping (Handle) throws -> Void) -> (RawCommand) throws -> ResponseCode {
            { command in
                try courier.withPolicySession { session, _ in
                    try satisfy(session)
                    return try courier.code(command, .policy(session))
                }
            }
        }
        return [
            ("owner", .init(.owner), { try courier.code($0, .password()) }),
            ("platform", .init(.platform), { try courier.code($0, .password()) }),
            ("password", slot, { try courier.code($0, .password()) }),
            (
                "HMAC", slot,
                { command in
                    let session = try ForeignSession(courier)
                    defer { courier.flush(session.handle) }
                    return try courier.code(command, session.authorization(command, attributes: []))
                }
            ),
            ("empty policy", slot, policy { _ in }),
            ("read branch", slot, policy { try enrolled.chip.satisfy(enrolled.slot.policy, for: .nvRead, in: $0) }),
            (
                "certify branch", slot,
                policy { try enrolled.chip.satisfy(enrolled.slot.policy, for: .nvCertify, in: $0) }
            ),
            (
                "write branch, old signature", slot,
                policy { session in
                    guard let old else { return }
                    // NONCE: the signature is for another session; and without it the branch is not reached.
                    #expect(throws: ChipError.refused(.policySigned, .nonce)) {
                        try enrolled.chip.satisfy(enrolled.slot.policy, for: .nvWrite, in: session, evidence: old)
                    }
                    try enrolled.chip.run(.policyCommandCode(session, .nvWrite))
                }
            ),
        ]
    }

    @Test("neither count nor ceiling moves for any NV command under any authorization, but for counted reads")
    func everything() async throws {
        try await withEnrolledChip(limit: 25) { enrolled in
            let old = try enrolled.oldEvidence(.first(limit: 25))
            var succeeded: Set<String> = []
            // While guesses are left, and when they are spent.
            for round in 1...2 {
                for (way, authority, run) in Self.ways(enrolled, old: old) {
                    for (what, command) in Self.commands(enrolled.written, by: authority) {
                        let before = try enrolled.count()
                        let answer = try run(command)
                        let after = try enrolled.count()
                        if answer == .success { succeeded.insert("\(round): \(what) by \(way)") }
                        #expect(after.ceiling == 25, "\(what) by \(way)")
                        if way == "password" || way == "HMAC" {
                            #expect(after.count >= before.count && after.count <= 25, "\(what) by \(way)")
                        } else {
                            #expect(after == before, "\(what) by \(way)")
                        }
                    }
                }
                while try enrolled.evaluationCode() == .success {}
                #expect(try enrolled.count() == SlotCount(count: 25, ceiling: 25))
            }
            #expect(
                succeeded == [
                    "1: NV_Read by password", "1: NV_Read by HMAC", "1: NV_Read by read branch",
                    "2: NV_Read by read branch",
                ])
            try await enrolled.courier.restart()
            #expect(try enrolled.evaluationCode() == .authUnavailable)
            #expect(try enrolled.count() == SlotCount(count: 25, ceiling: 25))
        }
    }

    @Test("certificates of the slot are counted by password and not by the branch, and change nothing else")
    func certify() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let certify = RawCommand.nvCertify(authority: enrolled.written, enrolled.written)
            try courier.expect(.success, certify, .password(), .password())
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
            try courier.withPolicySession { session, _ in
                try enrolled.chip.satisfy(enrolled.slot.policy, for: .nvCertify, in: session)
                try courier.expect(.success, certify, .password(), .policy(session))
            }
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 10))
        }
    }

    @Test("the slot's authValue stays empty, and only undefining by owner or platform removes it")
    func changeAuth() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let change = RawCommand.nvChangeAuth(enrolled.written)
            try courier.expect(.authType, change, .password())
            for branch: CommandCode in [.nvRead, .nvCertify] {
                try courier.withPolicySession { session, _ in
                    try enrolled.chip.satisfy(enrolled.slot.policy, for: branch, in: session)
                    try courier.expect(.policyCC, change, .policy(session))
                    try courier.expect(
                        .policyCC, .nvUndefineSpecial(enrolled.written), .policy(session), .password())
                }
            }
            try courier.withPolicySession { session, _ in
                try courier.expect(.success, .policyCommandCode(session, change.code))
                try courier.expect(.policyFail, change, .policy(session))
            }
            try courier.expect(.authType, .nvUndefineSpecial(enrolled.written), .password(), .password())
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
            #expect(try enrolled.evaluationCode() == .success)
        }
    }

    @Test("what owner, platform and lockout do to the whole chip leaves the count where it was")
    func hierarchies() async throws {
        try await withEnrolledChip(limit: 3) { enrolled in
            let courier = enrolled.courier
            try enrolled.evaluate()
            let attacks: [RawCommand] = [
                .nvGlobalWriteLock(.owner), .nvGlobalWriteLock(.platform),
                .dictionaryAttackLockReset, .dictionaryAttackParameters,
                .hierarchyChangeAuth(.owner, to: []), .hierarchyChangeAuth(.platform, to: []),
                .hierarchyChangeAuth(.endorsement, to: []), .hierarchyChangeAuth(.lockout, to: []),
                .hierarchyControl(.owner, enable: false), .hierarchyControl(.owner, enable: true),
                .hierarchyControl(.endorsement, enable: false), .hierarchyControl(.endorsement, enable: true),
                .changePlatformSeed, .changeEndorsementSeed,
            ]
            for attack in attacks {
                try courier.expect(.success, attack, .password())
                guard attack.code != 0x121 || attack.parameters.last == 1 else { continue }
                #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 3))
            }
            try courier.expect(.nvDefined, .nvDefine(enrolled.slot.publicArea(written: false)), .password())
            try enrolled.evaluate()
            try enrolled.evaluate()
            #expect(try enrolled.evaluationCode() == .authUnavailable)
            for attack in attacks where attack.code != 0x121 {
                try courier.expect(.success, attack, .password())
                #expect(try enrolled.evaluationCode() == .authUnavailable)
            }
            #expect(try enrolled.count() == SlotCount(count: 3, ceiling: 3))
        }
    }
}

extension EnrolledChip {
    /// A valid proof of `write` from a session that is gone.
    func oldEvidence(_ write: SlotProfile.Write) throws -> Evidence {
        try courier.withPolicySession { _, nonceTPM in try evidence(write, nonceTPM: nonceTPM) }
    }
}
