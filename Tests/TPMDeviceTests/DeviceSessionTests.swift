import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("A device session speaks with the chip and nobody else")
struct DeviceSessionTests {
    static let largestDigest = Command.getCapability(.properties, from: 0x120, count: 1)
    static let maker = Command.getCapability(.properties, from: 0x105, count: 8)
    static let audit: SessionAttributes = [.continueSession, .audit]

    /// One command in a device session: alters every byte of it on the way to the chip, then every byte of the answer.
    private func exchange(
        _ command: Command, in session: CarriedSession, after before: [Authorization] = [],
        attributes asked: SessionAttributes = audit, refusal: ResponseCode, _ courier: Courier
    ) throws {
        let carried = session.device.authorize(command, attributes: asked).authorization(in: session.handle)
        let authorizations = before + [carried]
        func refused(_ altered: RawCommand) throws {
            let code = try courier.send(altered, authorizations).code
            #expect(code == refusal, "\(command.code)")
        }
        for index in command.parameters.indices {
            for bit: UInt8 in [0x01, 0x80] {
                var altered = RawCommand(command)
                altered.parameters[index] ^= bit
                try refused(altered)
            }
        }
        var longer = RawCommand(command)
        longer.parameters.append(0)
        try refused(longer)
        var shorter = RawCommand(command)
        shorter.parameters.removeLast()
        try refused(shorter)
        if command.code == .createPrimary {
            for hierarchy: Handle in [.endorsement, .platform, .null] {
                var elsewhere = RawCommand(command)
                elsewhere.handles = [.init(hierarchy)]
                try refused(elsewhere)
            }
        }

        let response = try courier.send(RawCommand(command), authorizations)
        try #require(response.code == .success)
        if let handle = response.handle { courier.flush(handle) }
        let answer = try #require(response.sessions.last)
        func refused(
            parameters: [UInt8]? = nil, nonce: [UInt8]? = nil, attributes: SessionAttributes? = nil,
            hmac: [UInt8]? = nil, to other: Command? = nil, asked otherwise: SessionAttributes? = nil
        ) {
            let altered = Response.SessionAnswer(
                nonceTPM: nonce ?? answer.nonceTPM, attributes: attributes ?? answer.attributes,
                hmac: hmac ?? answer.hmac)
            #expect(throws: SessionError.notFromTheChip, "\(command.code)") {
                _ = try session.device.open(
                    altered, parameters: parameters ?? response.parameters, to: other ?? command,
                    attributes: otherwise ?? asked)
            }
        }
        for bit: UInt8 in [0x01, 0x80] {
            for index in response.parameters.indices {
                refused(parameters: response.parameters.flipped(bit, at: index))
            }
            for index in answer.nonceTPM.indices { refused(nonce: answer.nonceTPM.flipped(bit, at: index)) }
            for index in answer.hmac.indices { refused(hmac: answer.hmac.flipped(bit, at: index)) }
        }
        for bit in 0..<8 { refused(attributes: answer.attributes.symmetricDifference(.init(rawValue: 1 << bit))) }
        refused(parameters: response.parameters + [0])
        if !response.parameters.isEmpty { refused(parameters: []) }
        refused(hmac: [])
        refused(to: .nvReadPublic(.owner))
        refused(asked: asked.symmetricDifference(.encrypt))
        // The same answer, as it is.
        let parameters = try session.device.open(
            answer, parameters: response.parameters, to: command, attributes: asked)
        #expect(parameters.count == response.parameters.count)
        // It is no answer to the next command, though that were the same.
        _ = session.device.authorize(command, attributes: asked)
        refused()
    }

    @Test("every byte altered on the way to the chip is refused by the chip, every byte on the way back by the device")
    func altered() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let session = try CarriedSession(.hmac, to: enrolled.endorsement, courier)
            try exchange(
                .createPrimary(ParentProfile.template, in: .owner), in: session, after: [enrolled.chip.owner],
                refusal: .secondBadAuth, courier)
            try exchange(Self.largestDigest, in: session, refusal: .badAuth, courier)
            try exchange(Self.maker, in: session, refusal: .badAuth, courier)
            try exchange(
                .getRandom(16), in: session, attributes: [.continueSession, .encrypt], refusal: .badAuth, courier)
            try courier.withPolicySession { reading, _ in
                try enrolled.chip.satisfy(enrolled.slot.policy, for: .nvRead, in: reading)
                try exchange(
                    enrolled.slot.readCommand, in: session, after: [.policy(reading)],
                    attributes: [.continueSession, .audit, .encrypt], refusal: .secondBadAuth, courier)
            }
            courier.flush(session.handle)

            let writing = try enrolled.prepare(.ceiling(11))
            try exchange(
                enrolled.slot.command(.ceiling(11)), in: writing, attributes: [], refusal: .policyFail, courier)
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 11))
        }
    }

    @Test("another property or template in place of what was asked is refused, and so is an answer to another question")
    func another() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let session = try CarriedSession(.hmac, to: enrolled.endorsement, courier)
            /// The courier sends `sent` with the device's authorization of `asked`.
            func refused(_ sent: Command, asked: Command, after before: [Authorization] = [], _ code: ResponseCode)
                throws
            {
                let carried = session.device.authorize(asked, attributes: Self.audit)
                    .authorization(in: session.handle)
                #expect(try courier.send(RawCommand(sent), before + [carried]).code == code)
            }
            try refused(Self.maker, asked: Self.largestDigest, .badAuth)
            try refused(.getCapability(.properties, from: 0x121, count: 1), asked: Self.largestDigest, .badAuth)
            try refused(.getCapability(.algorithms, from: 0x120, count: 1), asked: Self.largestDigest, .badAuth)
            var careless = ParentProfile.template
            careless.attributes.insert(.userWithAuth)
            let parent = Command.createPrimary(ParentProfile.template, in: .owner)
            try refused(
                .createPrimary(careless, in: .owner), asked: parent, after: [enrolled.chip.owner], .secondBadAuth)

            // What the chip answered to one question, shown as the answer to the next. (An answer's HMAC covers the
            // question through the device's nonce alone.)
            let carried = session.device.authorize(Self.maker, attributes: Self.audit)
                .authorization(in: session.handle)
            let response = try courier.send(RawCommand(Self.maker), [carried])
            let answer = try #require(response.sessions.last)
            _ = session.device.authorize(Self.largestDigest, attributes: Self.audit)
            #expect(throws: SessionError.notFromTheChip) {
                _ = try session.device.open(
                    answer, parameters: response.parameters, to: Self.largestDigest, attributes: Self.audit)
            }
            courier.flush(session.handle)
        }
    }

    @Test("a parent of another template is not accepted, even where the chip made it in the device's session")
    func anotherParent() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let session = try CarriedSession(.hmac, to: enrolled.endorsement, courier)
            var withAuth = ParentProfile.template
            withAuth.attributes.insert(.userWithAuth)
            var otherPolicy = ParentProfile.template
            otherPolicy.authPolicy = Policy(.commandCode(.load)).digest()
            var otherCipher = ParentProfile.template
            otherCipher.body = .ecc(curve: .p256, symmetric: .aes256, scheme: .null, x: [], y: [])
            for (template, isGood) in [
                (ParentProfile.template, true), (withAuth, false), (otherPolicy, false), (otherCipher, false),
            ] {
                let before = try courier.held()
                let answer = try session.run(.createPrimary(template, in: .owner), after: [enrolled.chip.owner])
                for handle in try courier.held() where !before.contains(handle) { courier.flush(handle) }
                var reader = Reader(answer)
                #expect(ParentProfile.accepts(try PublicArea(tpm2b: &reader)) == isGood)
            }
            courier.flush(session.handle)
        }
    }

    @Test(
        "sessions salted to an endorsement key work, and everything with them, for every kind of key",
        arguments: [EndorsementTemplate.rsa2048, .p256, .p384])
    func kinds(_ kind: EndorsementTemplate) async throws {
        try await withEnrolledChip(limit: 1, endorsement: kind) { enrolled in
            let point = P256Point.someone
            #expect(try enrolled.evaluate(point) == enrolled.expected(point))
            #expect(try enrolled.evaluationCode() == .authUnavailable)
            try enrolled.write(.ceiling(2))
            #expect(try enrolled.count() == SlotCount(count: 1, ceiling: 2))
            #expect(try enrolled.unseal() == enrolled.bundleContent)
        }
    }

    @Test("a chip with another endorsement key cannot take the chip's place")
    func anotherChip() async throws {
        try await withSwtpm(.uncertified) { one in
            try await withSwtpm(.uncertified) { other in
                let (one, other) = (try Courier(one), try Courier(other))
                let (mine, theirs) = (try Endorsement(.p256, one), try Endorsement(.p256, other))
                #expect(mine.area != theirs.area && mine.handle == theirs.handle)
                // The salt is for the first chip; the second is asked to start the session.
                let pretended = Endorsement(area: mine.area, handle: theirs.handle)
                let session = try CarriedSession(.hmac, to: pretended, other)
                let carried = session.device.authorize(Self.largestDigest, attributes: Self.audit)
                try other.expect(.badAuth, Self.largestDigest, carried.authorization(in: session.handle))
                // An impostor's chip that gets a session of its own answers with a key that the device does not have.
                let own = try CarriedSession(.hmac, to: theirs, other)
                let asked = own.device.authorize(Self.largestDigest, attributes: Self.audit)
                let response = try other.send(
                    RawCommand(Self.largestDigest), [asked.authorization(in: own.handle)])
                let answer = try #require(response.sessions.last)
                #expect(throws: SessionError.notFromTheChip) {
                    _ = try session.device.open(
                        answer, parameters: response.parameters, to: Self.largestDigest, attributes: Self.audit)
                }
                let honest = try CarriedSession(.hmac, to: mine, one)
                #expect(try honest.run(Self.largestDigest).count == 17)
            }
        }
    }
}

extension [UInt8] {
    fileprivate func flipped(_ bit: UInt8, at index: Int) -> [UInt8] {
        var copy = self
        copy[index] ^= bit
        return copy
    }
}
