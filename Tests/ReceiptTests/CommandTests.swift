import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// Receipts as people meet them: two commands and their files.
@Suite(.timeLimit(.minutes(4))) struct ReceiptCommandTests {
    private func verify(_ stage: Stage, _ device: String, _ more: String...) async throws -> Ended {
        try await stage.desk.run(
            .tenpin, ["verify-receipt", "--home", stage.desk(device), "--trust-root", stage.trustRoot] + more)
    }

    private func json(_ ended: Ended) throws -> [String: Any] {
        try #require(ended.status == 0, "\(ended.errors)")
        return try #require(try JSONSerialization.jsonObject(with: Data(ended.bytes)) as? [String: Any])
    }

    private func expectFailure(
        _ ended: Ended, _ code: Int32, _ says: String, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(ended.status == code, "\(ended.errors)", sourceLocation: location)
        #expect(ended.bytes.isEmpty && ended.lines.count == 1, "\(ended.errors)", sourceLocation: location)
        #expect(
            ended.errors.contains(says) && ended.errors.contains("guess"), "\(ended.errors)", sourceLocation: location)
    }

    @Test(
        "a person sends a receipt, an auditor challenges it, and the answer convinces the auditor, for each endorsement key",
        arguments: ["rsa2048", "p384"])
    func byMail(_ endorsementKey: String) async throws {
        try await Stage.bare { stage in
            let desk = stage.desk
            try await stage.provision("--endorsement", endorsementKey)
            try await stage.serve()
            try await stage.enroll("phone", password: "correct horse", limit: 4)
            let asked = try json(
                try await stage.at("phone", "receipt", "alice", password: nil, "--output", desk("first"), "--json"))
            #expect(asked["count"] as? Int == 1 && asked["ceiling"] as? Int == 5 && asked["limit"] as? Int == 4)
            #expect(asked["account"] as? String == "alice" && asked["binding"] as? String == "session")
            #expect(asked["tier"] as? String == "emulated")
            // The vault is not asked any more, but for the answer.
            let own = try json(try await verify(stage, "phone", desk("first"), "--allow-emulated", "--json"))
            #expect(NSDictionary(dictionary: own) == NSDictionary(dictionary: asked))

            expectFailure(try await verify(stage, "auditor", desk("first"), "--allow-emulated"), 16, "--new-challenge")
            expectFailure(try await verify(stage, "phone", desk("first")), 16, "--allow-emulated")
            let made = try await verify(
                stage, "auditor", desk("first"), "--allow-emulated", "--new-challenge", desk("mine"))
            #expect(made.status == 0 && made.output.contains("not believed yet"), "\(made.errors)")
            let answer = try await stage.at(
                "phone", "receipt", "alice", password: nil, "--challenge", desk("mine"), "--output", desk("second"))
            #expect(answer.status == 0, "\(answer.errors)")
            let name = try #require(asked["endorsementName"] as? String)
            let believed = try json(
                try await verify(
                    stage, "auditor", desk("second"), "--challenge", desk("mine"), "--allow-emulated",
                    "--endorsement-name", name, "--json"))
            #expect(believed["binding"] as? String == "challenge" && believed["count"] as? Int == 1)
            expectFailure(
                try await verify(stage, "auditor", desk("first"), "--challenge", desk("mine"), "--allow-emulated"), 16,
                "does not answer your challenge")
            expectFailure(
                try await verify(
                    stage, "phone", desk("first"), "--allow-emulated", "--endorsement-name",
                    String(name.dropLast(2)) + (name.hasSuffix("00") ? "01" : "00")), 16, "not by the one you named")

            // Which enrollment it is for: the one that a backup names, until the password changes.
            desk.write("a photo", to: "photo")
            try await desk.done(
                .tenpin, ["backup", "photo", "--output", "cloud", "--home", "phone", "--account", "alice"])
            let matching = try await verify(
                stage, "phone", desk("first"), "--allow-emulated", "--backup", desk("cloud"))
            #expect(matching.status == 0 && matching.output.contains("1 made, 4 left (ceiling 5, limit 4)"))
            #expect(matching.output.contains("EMULATED") && matching.output.contains("alice, enrollment"))
            let anonymous = try await stage.at(
                "phone", "receipt", "alice", password: nil, "--anonymous", "--output", desk("third"))
            #expect(anonymous.output.contains("not named"), "\(anonymous.errors)")
            expectFailure(
                try await verify(stage, "phone", desk("third"), "--allow-emulated", "--backup", desk("cloud")), 16,
                "not for the enrollment")
        }
    }

    @Test("files that are no receipts, options that do not go together, and a receipt that is there already")
    func misuse() async throws {
        try await Desk.with { desk in
            desk.write("tenpin receipt 1\n", to: "short")
            desk.write("tenpin receipt 2\n", to: "later")
            desk.write("something else", to: "other")
            desk.write("tenpin receipt 1\n" + String(repeating: "x", count: 1 << 17), to: "long")
            let cases = [
                ("short", "altered"), ("later", "later version"), ("other", "not a receipt"),
                ("long", "larger than 65536"),
            ]
            for (name, says) in cases {
                expectFailure(try await desk.run(.tenpin, ["verify-receipt", desk(name)]), 16, says)
            }
            expectFailure(
                try await desk.run(.tenpin, ["verify-receipt", desk("other"), "--challenge", desk("other")]), 16,
                "not a challenge")
            expectFailure(try await desk.run(.tenpin, ["verify-receipt", desk("none")]), 64, "cannot be read")
            let both = try await desk.run(
                .tenpin, ["verify-receipt", "x", "--challenge", "y", "--new-challenge", "z"])
            #expect(both.status == 64 && both.errors.contains("either"))
        }
        try await Stage.with { stage in
            try await stage.enroll("phone", password: "correct horse")
            stage.desk.write("mine", to: "there")
            expectFailure(
                try await stage.at("phone", "receipt", "alice", password: nil, "--output", stage.desk("there")), 64,
                "is there already")
            #expect(stage.desk.text("there") == "mine")
            expectFailure(
                try await stage.at("new", "receipt", "alice", password: nil, "--output", stage.desk("x")), 1,
                "recover it first")
            // An altered one, with the account in it.
            let made = try await stage.at("phone", "receipt", "alice", password: nil, "--output", stage.desk("good"))
            #expect(made.status == 0, "\(made.errors)")
            var bytes = try #require(stage.desk.bytes("good"))
            let at = try #require(Data(bytes).range(of: Data("alice".utf8)))
            bytes[at.lowerBound] = UInt8(ascii: "A")
            stage.desk.write(bytes, to: "bad")
            expectFailure(try await verify(stage, "phone", stage.desk("bad"), "--allow-emulated"), 16, "was altered")
        }
    }

    @Test("where the endorsement hierarchy has an authorization value, the vault gives receipts once it is told")
    func endorsementAuthorization() async throws {
        try await Stage.bare { stage in
            try await stage.provision("--endorsement", "rsa2048")
            try await stage.chip.tpm2("changeauth", "-c", "e", "known")
            try await stage.serve()
            try await stage.enroll("phone", password: "correct horse")
            expectFailure(
                try await stage.at("phone", "receipt", "alice", password: nil, "--output", stage.desk("x")), 15,
                "ask its operator")
            try await stage.stop()
            stage.desk.write("known\n", to: "auth")
            try await stage.serve("--endorsement-auth-file", stage.desk("auth"))
            let first = try await stage.at("phone", "receipt", "alice", password: nil, "--output", stage.desk("first"))
            #expect(first.status == 0, "\(first.errors)")
            _ = try await verify(
                stage, "a", stage.desk("first"), "--allow-emulated", "--new-challenge", stage.desk("c"))
            let second = try await stage.at(
                "phone", "receipt", "alice", password: nil, "--challenge", stage.desk("c"), "--output",
                stage.desk("second"))
            #expect(second.status == 0, "\(second.errors)")
        }
    }
}
