import Audit
import Foundation
import GRDB
import ProgramTestSupport
import TestSupport
import Testing

/// Audits as people meet them: commands, files and exit codes.
@Suite(.timeLimit(.minutes(6))) struct AuditProgramTests {
    private func audit(_ stage: Stage, _ more: String...) async throws -> Ended {
        try await stage.desk.run(.vault, ["audit", "--home", stage.home, "--trust-root", stage.trustRoot] + more)
    }

    private func report(_ ended: Ended) throws -> AuditReport {
        try JSONDecoder().decode(AuditReport.self, from: Data(ended.bytes))
    }

    private func expectFailure(
        _ ended: Ended, _ code: Int32, _ says: String, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(ended.status == code, "\(ended.errors)", sourceLocation: location)
        #expect(ended.bytes.isEmpty && ended.lines.count == 1, "\(ended.errors)", sourceLocation: location)
        #expect(ended.errors.contains(says), "\(ended.errors)", sourceLocation: location)
    }

    @Test("an audit says the same of a vault that is served and of one that is not, and is clean where all is set")
    func servedOrNot() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", password: "correct horse")
            let served = try await audit(stage, "--json")
            #expect(served.status == 12 && served.errors.isEmpty, "\(served.errors)")
            let first = try report(served)
            #expect(first.verdict == "critical" && first.basis == .vault && first.liveEnrollments == 1)
            #expect(first.findings.map(\.id).first == "chip.emulated" && first.findings.count == 4)
            #expect(try await audit(stage, "--allow-emulated").status == 11)
            let page = stage.desk("audit.html")
            let shown = try await audit(stage, "--html", page, "--sarif", stage.desk("audit.sarif"))
            #expect(shown.status == 12 && stage.desk.text("audit.html").contains("chip.emulated"), "\(shown.errors)")
            #expect(stage.desk.text("audit.sarif").contains("\"ruleId\" : \"chip.emulated\""))
            let limited = try report(try await audit(stage, "--json", "--maximum-limit", "3"))
            #expect(limited.findings.contains { $0.id == "limit.above-maximum" && $0.object.account == "alice" })

            try await stage.stop()
            var second = try report(try await audit(stage, "--json"))
            second.date = first.date
            #expect(second == first)
            let note = try await audit(
                stage, "--allow-emulated", "--accept", "hierarchy.owner-empty", "--accept", "hierarchy.lockout-empty")
            #expect(note.status == 10 && note.output.contains("NOTE  hierarchy.endorsement-empty"))
            for hierarchy in ["owner", "endorsement", "lockout"] {
                try await stage.chip.tpm2("changeauth", "-c", hierarchy, "secret")
            }
            let clean = try await audit(stage, "--allow-emulated")
            #expect(clean.status == 0 && clean.output.hasPrefix("Clean, but for what you accepted."))
        }
    }

    @Test("an auditor makes a challenge, and verifies evidence without the vault")
    func byMail() async throws {
        try await Stage.with { stage in
            let desk = stage.desk
            let empty = try await desk.run(.vault, ["evidence", "--home", stage.home, "--output", desk("none")])
            expectFailure(empty, 65, "enroll an account first")
            try await stage.enroll("phone", password: "correct horse", limit: 4)
            func evidence(_ name: String, _ more: String...) async throws {
                try await desk.done(.vault, ["evidence", "--home", stage.home, "--output", desk(name)] + more)
            }
            desk.write("sixteen bytes and more", to: "names.key")
            try await evidence("first")
            try await desk.done(.audit, ["challenge", desk("first"), "--output", desk("mine")])
            try await evidence("second", "--challenge", desk("mine"))
            try await evidence("third", "--challenge", desk("mine"), "--pseudonyms", desk("names.key"))
            try await stage.stop()
            stage.chip.stop()

            func verify(_ name: String, _ more: String...) async throws -> Ended {
                try await desk.run(.audit, ["verify", desk(name), "--trust-root", stage.trustRoot] + more)
            }
            let verified = try await verify("second", "--challenge", desk("mine"), "--json")
            #expect(verified.status == 12, "\(verified.errors)")
            let found = try report(verified)
            #expect(found.basis == .chip && found.findings.count == 4 && found.liveEnrollments == 1)
            let text = try await verify("second", "--challenge", desk("mine"), "--allow-emulated")
            #expect(text.status == 11 && text.output.hasPrefix("Verified: the chip signed this after your challenge."))
            let other = try await verify(
                "second", "--challenge", desk("mine"), "--endorsement-name", "000b" + String(repeating: "0", count: 64))
            expectFailure(other, 65, "not of the one you named")
            let hidden = try await verify("third", "--challenge", desk("mine"), "--maximum-limit", "3")
            #expect(hidden.status == 12 && !hidden.output.contains("alice"))

            expectFailure(try await verify("second"), 65, "tenpin-audit challenge")
            expectFailure(try await verify("first", "--challenge", desk("mine")), 65, "does not answer your challenge")
            let whole = try #require(desk.bytes("second"))
            desk.write(whole.dropLast(300), to: "cut")
            expectFailure(try await verify("cut", "--challenge", desk("mine")), 65, "cut or altered")
            expectFailure(try await verify("mine", "--challenge", desk("mine")), 65, "is no evidence")
            expectFailure(try await verify("nothing", "--challenge", desk("mine")), 64, "cannot be read")
            let later = String(decoding: whole, as: UTF8.self).replacing("\"version\":1}", with: "\"version\":2}")
            desk.write(later, to: "later")
            expectFailure(try await verify("later", "--challenge", desk("mine")), 65, "later version")
        }
    }

    @Test("who cannot look says why, in one sentence and with a code that no finding has")
    func cannotLook() async throws {
        try await Stage.bare { stage in
            expectFailure(try await audit(stage), 78, "run `tenpin-vault provision")
            try await stage.provision()
            let store = stage.home + "/vault.sqlite"
            // A store that is gone is not made anew by looking.
            try FileManager.default.removeItem(atPath: store)
            #expect(try await audit(stage, "--allow-emulated").status == 11)
            #expect(!stage.desk.names(in: "vault").contains("vault.sqlite"))
            try await stage.serve()
            try await stage.stop()
            let whole = try #require(FileManager.default.contents(atPath: store))

            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            // With a write-ahead log one who only writes keeps no reader out.
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
            let queue = try DatabaseQueue(path: store, configuration: configuration)
            try await queue.writeWithoutTransaction { try $0.execute(sql: "BEGIN EXCLUSIVE") }
            expectFailure(try await audit(stage), 75, "locked by another program")
            try await queue.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
            try queue.close()

            try await DatabaseQueue(path: store).write {
                try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9')")
            }
            expectFailure(try await audit(stage), 65, "later version")
            expectFailure(
                try await stage.desk.run(.vault, ["serve", "--home", stage.home, "--socket", stage.socket]), 65,
                "later version")

            var bytes = whole
            for index in stride(from: 4096, to: bytes.count, by: 3) { bytes[index] ^= 0xFF }
            try bytes.write(to: URL(filePath: store))
            expectFailure(try await audit(stage), 65, "damaged")
            try Data("nothing of the kind".utf8).write(to: URL(filePath: store))
            expectFailure(try await audit(stage), 65, "damaged")
            try whole.write(to: URL(filePath: store))

            try await withSwtpm(.fresh) { other in
                let file = URL(filePath: stage.home + "/vault.json")
                let own = try String(contentsOf: file, encoding: .utf8)
                try own.replacing(stage.chip.tcti, with: other.tcti).write(to: file, atomically: true, encoding: .utf8)
                expectFailure(try await audit(stage), 78, "not the chip that was provisioned")
                try own.write(to: file, atomically: true, encoding: .utf8)
            }
            stage.chip.stop()
            expectFailure(try await audit(stage), 69, "does not answer")
        }
    }

    @Test("an audit adds no more than 0.3 of the chip's time to it, with a chip that takes 20 ms for each command")
    func speed() async throws {
        try await HonestVault.with { vault in
            // As fast as chips are that are soldered down. Only the 20 ms are counted, not the emulator's own time.
            let relay = try ChipRelay(vault.chip) { _ in .carryThen { Thread.sleep(forTimeInterval: 0.02) } }
            defer { relay.end() }
            try vault.configure { $0.tcti = relay.tcti }
            try await Desk.with { desk in
                // The program waits for the chip or works. Its work is taken by the processor's clock, since the wall's depends on
                // what else the machine does.
                let ended = try await desk.run(
                    ["bash", "-c", "TIMEFORMAT='%U %S'; time \"$@\"", "bash", try Program.vault.path, "audit"]
                        + ["--home", vault.home, "--allow-emulated"])
                #expect(ended.status == 12 && ended.output.contains("chip.certificate"), "\(ended.errors)")
                let work = ended.errors.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
                #expect(work.count == 2)
                let chip = 0.02 * Double(relay.exchanges.count)
                #expect(work.reduce(0, +) < 0.3 * chip, "\(work) of \(chip)")
            }
        }
    }

    @Test("the auditor's program loads no TPM library and no database")
    func libraries() async throws {
        try await Desk.with { desk in
            let libraries = try await desk.run(["ldd", try Program.audit.path]).output
            for name in ["tss2", "sqlite", "archive"] { #expect(!libraries.contains(name)) }
        }
    }

    @Test("the guide lists every finding with its severity and its rule")
    func guide() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let guide = try String(contentsOf: root.appending(path: "docs/audit.md"), encoding: .utf8)
        let rows = guide.split(separator: "\n").filter { $0.prefixMatch(of: /\| `[a-z-]+\.[a-z-]+` \|/) != nil }
        let wanted = FindingKind.allCases.map { "| `\($0.id)` | \($0.severity.rawValue) | \($0.text.title) |" }
        #expect(rows.map(String.init) == wanted, "\(wanted.joined(separator: "\n"))")
    }
}
