import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("A courier's encrypt session cannot make a device accept what it garbled")
struct GarbledAnswerTests {
    static let encrypt: SessionAttributes = [.continueSession, .encrypt]

    @Test("a parent that is garbled on its way out of the chip is not accepted, though the HMAC covers it")
    func parent() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let session = try CarriedSession(.hmac, to: enrolled.endorsement, courier)
            let command = Command.createPrimary(ParentProfile.template, in: .owner)
            let asked: SessionAttributes = [.continueSession, .audit]
            for _ in 0..<8 {
                let foreign = try ForeignSession(courier)
                let device = session.device.authorize(command, attributes: asked)
                    .authorization(in: session.handle)
                let response = try courier.send(
                    RawCommand(command),
                    [
                        .password(), device,
                        foreign.authorization(RawCommand(command), attributes: Self.encrypt),
                    ])
                try #require(response.code == .success)
                courier.flush(try #require(response.handle), foreign.handle)
                let answer = response.sessions[1]
                // The chip did say this; what it says is nonsense.
                let parameters = try session.device.open(
                    answer, parameters: response.parameters, to: command, attributes: asked)
                var reader = Reader(parameters)
                let area = try? PublicArea(tpm2b: &reader)
                #expect(area.map(ParentProfile.accepts) != true)
            }
            courier.flush(session.handle)
        }
    }

    @Test("count and ceiling are encrypted for the device, so nobody else can encrypt them")
    func count() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let session = try CarriedSession(.hmac, to: enrolled.endorsement, courier)
            let foreign = try ForeignSession(courier)
            let command = enrolled.slot.readCommand
            let asked: SessionAttributes = [.continueSession, .audit, .encrypt]
            try courier.withPolicySession { reading, _ in
                try enrolled.chip.satisfy(enrolled.slot.policy, for: .nvRead, in: reading)
                let reading = Authorization.policy(reading)
                let encrypting = foreign.authorization(RawCommand(command), attributes: Self.encrypt)
                let device = session.device.authorize(command, attributes: asked)
                    .authorization(in: session.handle)
                // ATTRIBUTES: a second session that encrypts.
                try courier.expect(.thirdAttributes, command, reading, device, encrypting)
                try courier.expect(.thirdAttributes, command, reading, encrypting, device)
                // The device's claim to encrypt is under its HMAC.
                let without = Authorization(
                    session: device.session, nonceCaller: device.nonceCaller,
                    attributes: [.continueSession, .audit], hmac: device.hmac)
                try courier.expect(.secondBadAuth, command, reading, without, encrypting)

                let parameters = try session.run(command, after: [reading], attributes: asked)
                #expect(try SlotCount(readParameters: parameters) == SlotCount(count: 0, ceiling: 10))
            }
            courier.flush(session.handle, foreign.handle)
        }
    }

    @Test("a property has no buffer that a foreign session could encrypt")
    func property() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            let session = try CarriedSession(.hmac, to: enrolled.endorsement, courier)
            let foreign = try ForeignSession(courier)
            let command = DeviceSessionTests.largestDigest
            let device = session.device.authorize(command, attributes: DeviceSessionTests.audit)
                .authorization(in: session.handle)
            let encrypting = foreign.authorization(RawCommand(command), attributes: Self.encrypt)
            let code = try courier.code(RawCommand(command), device, encrypting)
            #expect(code.base == 0x082)  // ATTRIBUTES
            courier.flush(session.handle, foreign.handle)
        }
    }
}
