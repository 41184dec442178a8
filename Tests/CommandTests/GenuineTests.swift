import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// What people are told of a vault's chip, and on whose word.
@Suite(.timeLimit(.minutes(5))) struct GenuineTests {
    @Test("the pinned roots are shown, and a file restricts and extends them")
    func roots() async throws {
        try await Desk.with { desk in
            func roots(_ more: String...) async throws -> [[String: Any]] {
                let shown = try await desk.done(.tenpin, ["trust", "roots", "--json"] + more)
                return try #require(try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [[String: Any]])
            }
            let all = try await roots()
            #expect(all.count == 18)
            #expect(all.allSatisfy { ($0["sha256"] as? String)?.count == 64 && $0["source"] as? String == "built in" })
            let digits = String(repeating: "ab", count: 32)
            desk.write(
                #"{"only": ["IFX"], "add": [{"sha256": "\#(digits)", "vendor_ids": ["NTC"], "name": "Ours"}]}"#,
                to: "roots.json")
            let ours = try await roots("--roots", "roots.json")
            #expect(ours.count == 5)
            #expect(ours.last?["name"] as? String == "Ours" && ours.last?["source"] as? String == "roots.json")
            let text = try await desk.done(.tenpin, ["trust", "roots", "--roots", "roots.json"]).output
            #expect(text.contains("IFX  Infineon: Infineon OPTIGA(TM) RSA Root CA, built in\n    899e35474c98"))
            expectFailure(
                try await desk.run(.tenpin, ["trust", "roots", "--roots", "none.json"]), 64, "none.json cannot be read")
        }
    }

    @Test("a vault that shows its maker's root needs no --trust-root, only the pin; the tier is said everywhere")
    func pinned() async throws {
        try await Stage.bare { stage in
            let desk = stage.desk
            let made = try await stage.provision("--chain", stage.trustRoot)
            #expect(made.output.contains("Trust tier        emulated, by its own word: EMULATED: withstands nobody"))
            #expect(made.output.contains("Certificates      end at no root that devices know"))
            try await stage.serve()
            let seen = try await desk.done(.vault, ["status", "--home", stage.home])
            #expect(seen.output.contains("Trust tier        emulated"))

            let digest = try await desk.run([
                "bash", "-c", "openssl x509 -in \(stage.trustRoot) -outform DER | sha256sum | cut -d' ' -f1",
            ]).output.trimmingCharacters(in: .whitespacesAndNewlines)
            for (vendor, name) in [("IBM", "ours.json"), ("IFX", "others.json")] {
                desk.write(
                    #"{"only": [], "add": [{"sha256": "\#(digest)", "vendor_ids": ["\#(vendor)"], "name": "Local"}]}"#,
                    to: name)
            }
            desk.write("pw", to: "pw")
            func tenpin(_ command: [String], _ more: String...) async throws -> Ended {
                try await desk.run(
                    .tenpin,
                    command + ["--vault", stage.address, "--home", desk("phone")] + more)
            }
            let shown = try await tenpin(["trust", "show"], "--roots", "ours.json")
            #expect(shown.output.contains("Root              Local, pinned"), "\(shown.errors)")
            #expect(shown.output.contains("Trust tier        EMULATED: withstands nobody"))
            let account = ["--account", "alice", "--password-file", "pw", "--allow-emulated", "--accept-new-vault"]
            expectFailure(
                try await tenpin(["enroll"] + account, "--roots", "others.json"), 13, "names a chip of IBM",
                "the root Local, which has no say about that")
            expectFailure(try await tenpin(["enroll"] + account), 13, "leads to no root you trust", "--trust-root")
            let enrolled = try await tenpin(
                ["enroll", "--memory", "64", "--passes", "3", "--json"] + account, "--roots", "ours.json")
            for ended in [enrolled, try await tenpin(["recover", "--json"] + account, "--roots", "ours.json")] {
                let tpm = try json(ended)["tpm"] as? [String: Any]
                #expect(tpm?["tier"] as? String == "emulated" && tpm?["warnings"] as? [String] == [])
            }
            let text = try await tenpin(["recover"] + account, "--roots", "ours.json").output
            #expect(text.contains("\nThe vault's TPM: EMULATED: withstands nobody"))
        }
    }
}
