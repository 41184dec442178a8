import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("Who defines the slot again cannot refill it")
struct RedefinitionTests {
    @Test(
        "defined again it has the same Name, is unwritten, and neither counts nor is written",
        arguments: [Handle.owner, .platform])
    func again(by hierarchy: Handle) async throws {
        try await withEnrolledChip(limit: 2) { enrolled in
            let courier = enrolled.courier
            let before = try enrolled.oldEvidence(.first(limit: 2))
            try enrolled.evaluate()
            try courier.expect(.success, .nvUndefine(enrolled.written, by: hierarchy), .password())
            #expect(try enrolled.chip.nvPublic(of: enrolled.slot.handle) == nil)
            let area = enrolled.slot.publicArea(written: false)
            try courier.expect(.success, .nvDefine(area), .password())
            #expect(try enrolled.chip.nvPublic(of: enrolled.slot.handle) == area)

            func isUnwritten() throws {
                #expect(try enrolled.chip.nvPublic(of: enrolled.slot.handle) == area)
                #expect(try enrolled.evaluationCode() == .authUnavailable)
            }
            try isUnwritten()
            let slot = enrolled.unwritten
            for (way, authority, run) in SlotCommandTests.ways(enrolled, old: before) {
                let authority = authority == enrolled.written ? slot : authority
                for (what, command) in SlotCommandTests.commands(slot, by: authority) {
                    let answer = try run(command)
                    #expect(answer != .success, "\(what) by \(way)")
                }
                try isUnwritten()
            }
            try courier.expect(.nvAuthorization, .nvWrite(authority: .init(.owner), slot, [0, 0, 0, 0]), .password())
            try courier.expect(
                .nvAuthorization, .nvWrite(authority: .init(.platform), slot, [0, 0, 0, 0]), .password())
            try await courier.restart()
            try isUnwritten()

            // Only a fresh signature of the limit key writes it; the device never gives a second one.
            try enrolled.write(.first(limit: 2))
            try enrolled.evaluate()
        }
    }

    @Test("a slot with another policy or other attributes has another Name, and the evaluation key does not serve it")
    func otherArea() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try courier.expect(.success, .nvUndefine(enrolled.written, by: .owner), .password())
            let good = enrolled.slot.publicArea(written: false)
            var ownerWritable = good
            ownerWritable.attributes.insert(.ownerWrite)
            var withoutPolicy = good
            withoutPolicy.authPolicy = []
            withoutPolicy.attributes.remove(.policyWrite)
            withoutPolicy.attributes.insert(.ppWrite)
            for (area, hierarchy) in [(ownerWritable, Handle.owner), (withoutPolicy, .platform)] {
                try courier.expect(.success, .nvDefine(area), .password())
                let entity = Command.Entity(area.index, area.name)
                try courier.expect(
                    .success, .nvWrite(authority: .init(hierarchy), entity, [0, 0, 0, 0, 0, 0, 0, 99]), .password())
                try enrolled.withEvaluationKey { key in
                    try courier.withPolicySession { session, _ in
                        // A password covers no Name; the digest gets the one that the slot has now.
                        try enrolled.spend(in: session)
                        #expect(try enrolled.chip.policyDigest(of: session) != enrolled.evaluationPolicy.digest())
                        try courier.expect(.policyFail, .ecdhZGen(key, .someone), .policy(session))
                    }
                }
                try courier.expect(.success, .nvUndefine(entity, by: .owner), .password())
            }
        }
    }

    @Test("TPM2_Clear leaves nothing usable", arguments: [Handle.lockout, .platform])
    func clear(by hierarchy: Handle) async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let loaded = try enrolled.load(enrolled.evaluationKey)
            let context = try enrolled.chip.run(.contextSave(loaded)).parameters
            courier.flush(loaded)
            try courier.expect(.success, .contextLoad(context))
            courier.flush(loaded)

            try courier.expect(.success, .clear(by: hierarchy), .password())
            #expect(try enrolled.chip.nvPublic(of: enrolled.slot.handle) == nil)
            #expect(try enrolled.chip.handles(from: 0x8100_0000).isEmpty)
            #expect(try enrolled.evaluationCode().isMissingHandle)
            let answer = try courier.code(RawCommand(.contextLoad(context)))
            #expect(answer != .success)

            // The same template gives another parent, which takes in nothing that was made for the old one.
            let made = try courier.send(
                RawCommand(.createPrimary(ParentProfile.template, in: .owner)), [.password()])
            let handle = try #require(made.handle)
            defer { courier.flush(handle) }
            var reader = Reader(made.parameters)
            let area = try PublicArea(tpm2b: &reader)
            #expect(ParentProfile.accepts(area) && area != enrolled.parentArea)
            let parent = Command.Entity(handle, area.name)
            for blob in [enrolled.evaluationKey, enrolled.bundle] {
                try courier.withPolicySession { session, _ in
                    try enrolled.chip.satisfy(ParentProfile.policy, for: .load, in: session)
                    try courier.expect(
                        .integrity, .load(blob.area, private: blob.private, under: parent), .policy(session))
                }
                try courier.withPolicySession { session, _ in
                    try enrolled.chip.satisfy(ParentProfile.policy, for: .import, in: session)
                    try courier.expect(
                        .importIntegrity, .import(blob.area, sealed: blob.sealed, under: parent), .policy(session))
                }
            }
            // The slot comes back unwritten.
            try courier.expect(.success, .nvDefine(enrolled.slot.publicArea(written: false)), .password())
            try courier.expect(
                .authUnavailable, .nvRead(authority: enrolled.unwritten, enrolled.unwritten), .password())
        }
    }
}
