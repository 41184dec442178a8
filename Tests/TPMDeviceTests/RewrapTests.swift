import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("The parent takes in and loads, and gives nothing out")
struct RewrapTests {
    /// What an attacker has to authorize a use of the parent, and how the chip refuses each.
    static let ways: [String: ResponseCode] = [
        "nothing": .authMissing,
        "password": .authUnavailable,
        "HMAC session": .authUnavailable,
        "empty policy": .policyFail,
        "the command's own code": .policyFail,
        "Import branch": .policyCC,
        "Load branch": .policyCC,
        "owner's secret": .policyFail,
        "empty authValue by policy": .policyFail,
    ]

    /// Runs `attack` in every way; gives how the chip answered.
    static func answers(to attack: RawCommand, _ enrolled: EnrolledChip) throws -> [String: ResponseCode] {
        let courier = enrolled.courier
        var answers: [String: ResponseCode] = [:]
        answers["nothing"] = try courier.code(attack)
        answers["password"] = try courier.code(attack, .password())
        let hmac = try ForeignSession(courier)
        answers["HMAC session"] = try courier.code(attack, hmac.authorization(attack, attributes: []))
        courier.flush(hmac.handle)
        func policy(_ way: String, _ satisfy: (Handle) throws -> Void) throws {
            try courier.withPolicySession { session, _ in
                try satisfy(session)
                answers[way] = try courier.code(attack, .policy(session))
            }
        }
        try policy("empty policy") { _ in }
        try policy("the command's own code") { session in
            try courier.expect(.success, .policyCommandCode(session, attack.code))
            guard case .or(let branches) = ParentProfile.policy.steps[0] else { throw HarnessError("another policy") }
            // VALUE: what the session has is none of the branches.
            try courier.expect(.value, .policyOR(session, branches.map { $0.digest() }))
        }
        for (way, command) in [("Import branch", CommandCode.import), ("Load branch", .load)] {
            try policy(way) { try enrolled.chip.satisfy(ParentProfile.policy, for: command, in: $0) }
        }
        try policy("owner's secret") { session in
            try courier.expect(.success, .policySecret(session, of: .init(.owner)), .password())
        }
        try policy("empty authValue by policy") { session in
            try courier.expect(.success, .policyPassword(session))
        }
        return answers
    }

    @Test("evaluation key and bundle, as sealed and as imported, are not rewrapped, whoever asks")
    func rewrap() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try courier.withOpenParent { open, openArea in
                for blob in [enrolled.evaluationKey, enrolled.bundle] {
                    for target in [Command.Entity(.null), open] {
                        for (bytes, seed) in [
                            (blob.sealed.duplicate, blob.sealed.encryptedSeed), (blob.private, []),
                            (blob.private, blob.sealed.encryptedSeed),
                        ] {
                            let attack = RawCommand.rewrap(
                                bytes, seed: seed, named: blob.area.name, from: enrolled.parent, to: target)
                            #expect(try Self.answers(to: attack, enrolled) == Self.ways)
                        }
                    }
                    // The same blob pretended to be sealed to the attacker's own parent.
                    let elsewhere = RawCommand.rewrap(
                        blob.sealed.duplicate, seed: blob.sealed.encryptedSeed, named: blob.area.name, from: open,
                        to: .init(.null))
                    #expect(try courier.code(elsewhere, .password()) != .success)
                }
                // The command is well formed: what was sealed to a parent with an authValue comes out.
                let area = enrolled.bundle.area
                let sealed = try Sealed(Sensitive(privateKey: .init(random: 32)), of: area, to: openArea)
                let rewrap = RawCommand.rewrap(
                    sealed.duplicate, seed: sealed.encryptedSeed, named: area.name, from: open, to: .init(.null))
                try courier.expect(.success, rewrap, .password())
            }
        }
    }

    @Test("no other command that takes a parent runs under it")
    func otherCommands() async throws {
        try await withEnrolledChip { enrolled in
            // Create, and what an ordinary decryption key answers.
            let attacks = [
                RawCommand(0x153, enrolled.parent) { writer in
                    writer.sized([0, 0, 0, 0])
                    writer.raw(enrolled.bundle.area.tpm2b)
                    writer.sized([])
                    writer.integer(UInt32(0))
                },
                RawCommand(.ecdhZGen(enrolled.parent, .someone)),
            ]
            for attack in attacks {
                let answers = try Self.answers(to: attack, enrolled)
                #expect(answers == Self.ways, "\(attack.code)")
            }
        }
    }
}

extension Courier {
    /// A storage key that its (empty) authValue opens to every use, as a careless vault would have it.
    func withOpenParent(_ body: (Command.Entity, PublicArea) throws -> Void) throws {
        let template = PublicArea(
            nameAlgorithm: .sha256,
            attributes: [.fixedTPM, .fixedParent, .sensitiveDataOrigin, .userWithAuth, .noDA, .restricted, .decrypt],
            authPolicy: [], body: .ecc(curve: .p256, symmetric: .aes128, scheme: .null, x: [], y: []))
        let response = try chip.run(.createPrimary(template, in: .owner), authorizedBy: chip.owner)
        let handle = try #require(response.handle)
        defer { flush(handle) }
        var reader = Reader(response.parameters)
        let area = try PublicArea(tpm2b: &reader)
        try body(.init(handle, area.name), area)
    }
}
