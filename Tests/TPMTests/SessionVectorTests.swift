import Secrets
import TestSupport
import Testing

@testable import TPM

/// Recorded exchanges of a device with an emulated chip, recomputed.
@Suite struct SessionVectorTests {
    @Test("the session key of a recorded session comes from salt and nonces")
    func sessionKey() {
        let key = KDF.a(
            .sha256,
            key: SecretBytes(copying: hex("89f60ffc31fb108b52082317abf2f868f292d7bd69f53cf0d6b483f758381393").span),
            label: "ATH", contextU: hex("751457bdec7b1bd43ada0d66a53146e5b0c9457e9aecdaab5268fc3f09b4a72b"),
            contextV: hex("687c125ca82073c43ad405434e7287fec6c5cec72036724f8cca0f560b4c1bb4"), bits: 256)
        let digits = hex(key.published)
        #expect(digits == "f92a6202baeecfdfe73863c5af3c0af55c0fdc4f08ea6aaf6417c0c9660c7613")
    }

    static func session(_ start: [String: String]) throws -> DeviceSession {
        try DeviceSession(
            salt: SecretBytes(copying: hex(try #require(start["salt"])).span),
            nonceCaller: hex(try #require(start["nonce_caller"])), nonceTPM: hex(try #require(start["nonce_tpm"])))
    }

    /// Recomputes one exchange in `session`, and then sees that no byte of the answer can differ.
    static func check(
        _ exchange: [String: Any], _ command: Command, in session: inout DeviceSession
    ) throws -> [UInt8] {
        func text(_ name: String) throws -> String { try #require(exchange[name] as? String, "\(name)") }
        if let parameters = exchange["parameters"] as? String { #expect(hex(command.parameters) == parameters) }
        #expect(hex(command.cpHash()) == (try text("cp_hash")))
        let before = hex(session.nonceTPM)
        #expect(before == (try text("nonce_tpm_before")))
        let asked = SessionAttributes(
            rawValue: try #require(UInt8((exchange["attributes"] as? String ?? "0x41").dropFirst(2), radix: 16)))
        let carried = session.authorize(command, attributes: asked, nonceCaller: hex(try text("nonce_caller")))
        #expect(hex(carried.hmac) == (try text("command_hmac")))
        let parameters = hex(try text("response_parameters"))
        #expect(hex(command.rpHash(parameters)) == (try text("rp_hash")))
        let answer = Response.SessionAnswer(
            nonceTPM: hex(try text("nonce_tpm_after")),
            attributes: SessionAttributes(
                rawValue: try #require(UInt8(try text("response_attributes").dropFirst(2), radix: 16))),
            hmac: hex(try text("response_hmac")))
        func refused(_ answer: Response.SessionAnswer, _ parameters: [UInt8], _ session: inout DeviceSession) {
            do throws(SessionError) {
                _ = try session.open(answer, parameters: parameters, to: command, attributes: asked)
                Issue.record("an altered answer was taken")
            } catch {
                #expect(error == .notFromTheChip)
            }
        }
        for index in parameters.indices {
            var altered = parameters
            altered[index] ^= 1
            refused(answer, altered, &session)
        }
        for index in answer.hmac.indices {
            var hmac = answer.hmac
            hmac[index] ^= 0x80
            let altered = Response.SessionAnswer(nonceTPM: answer.nonceTPM, attributes: answer.attributes, hmac: hmac)
            refused(altered, parameters, &session)
        }
        return try session.open(answer, parameters: parameters, to: command, attributes: asked)
    }

    @Test("every hash and HMAC of session.json is recomputed, and no byte of an answer can differ")
    func exchanges() throws {
        guard let file = SharedVectors.json("tpm/session.json") else { return }
        let sessions = try #require(file["sessions"] as? [[String: Any]])
        #expect(sessions.count == 2)
        for recorded in sessions {
            let start = try #require(recorded["start"] as? [String: String])
            let endorsement = try PublicArea(tpm2b: hex(try #require(start["endorsement_public"])))
            #expect(EndorsementTemplate(of: endorsement) != nil)
            var session = try Self.session(start)
            let exchanges = try #require(recorded["exchanges"] as? [[String: Any]])
            let commands: [Command] = [
                .createPrimary(ParentProfile.template, in: .owner),
                .getCapability(.properties, from: 0x120, count: 1),
                .getCapability(.properties, from: 0x105, count: 8),
            ]
            #expect(exchanges.count == commands.count)
            for (exchange, command) in zip(exchanges, commands) {
                let parameters = try Self.check(exchange, command, in: &session)
                if command.code == .createPrimary {
                    var reader = Reader(parameters)
                    #expect(ParentProfile.accepts(try PublicArea(tpm2b: &reader)))
                }
            }
        }
    }

    @Test("every hash and HMAC of write.json is recomputed")
    func writes() throws {
        guard let file = SharedVectors.json("tpm/write.json") else { return }
        let writes = try #require(file["writes"] as? [[String: Any]])
        #expect(writes.count == 3)
        for recorded in writes {
            var session = try Self.session(try #require(recorded["session"] as? [String: String]))
            let proof = try #require(recorded["proof"] as? [String: Any])
            let random = try Self.check(proof, .getRandom(16), in: &session)
            #expect(random.count == 18)
            let write = try #require(recorded["write"] as? [String: Any])
            func text(_ name: String) throws -> String { try #require(write[name] as? String, "\(name)") }
            let slot = Command.Entity(Handle(0x0188_0000), try Name(parsing: hex(try text("name"))))
            let command = Command.nvWrite(
                slot, hex(try text("data")), offset: UInt16(try #require(write["offset"] as? Int)))
            let nonce = hex(session.nonceTPM)
            #expect(
                try text("to_sign")
                    == nonce + "00000078" + hex(command.cpHash()) + (try text("slot_ref")))
            let answer = try Self.check(write, command, in: &session)
            #expect(answer.isEmpty)
        }
    }
}
