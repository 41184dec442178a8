import Explain
import Foundation
import ProgramTestSupport
import TPM
import TestSupport
import Testing

/// `tenpin-vault explain` on a vault, on what tpm2-tools write, and on what cannot be explained.
@Suite(.timeLimit(.minutes(5))) struct CommandTests {
    private func explanations(_ ended: Ended) throws -> [Explanation] {
        #expect(ended.status == 0, "\(ended.errors)")
        return try JSONDecoder().decode([Explanation].self, from: Data(ended.bytes))
    }

    @Test("an account's three objects are explained, served or not, and no guess is spent")
    func account() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", password: "correct horse battery staple")
            func explain(_ more: String...) async throws -> Ended {
                try await stage.desk.run(.vault, ["explain", "--home", stage.home] + more)
            }
            // While it is served the chip is not asked.
            let served = try explanations(await explain("alice", "--json"))
            #expect(served.count == 3 && served.allSatisfy { $0.policy == .known })
            #expect(!served[0].ways.contains { $0.often.contains("are used") })
            try await stage.stop()

            let asked = try explanations(await explain("alice", "--json"))
            #expect(asked[0].title.contains(/^the slot 0x01[89ab][0-9a-f]{5} of alice$/))
            #expect(asked[0].facts.contains { $0.name == "count" && $0.value.hasPrefix("1 of 11 are used") })
            #expect(asked[0].ways[0].needs[0].contains("which is empty"))
            #expect(asked[1].ways.map(\.commands) == [["ECDH_ZGen"]])
            #expect(asked[1].ways[0].often.contains("1 of 11 are used, 10 are left"))
            #expect(asked[2].ways.map(\.commands) == [["Unseal"]])
            #expect(asked[2].ways[0].needs[0].hasPrefix("The open key of alice"))
            // Looking has cost nothing.
            let again = try explanations(await explain("alice", "--json"))
            #expect(again == asked)

            let text = try await explain("alice")
            #expect(
                text.output.contains("Ways to use it") && text.output.contains("└─ Only ECDH_ZGen may be authorized."))
            let parent = try explanations(await explain("0x81000100", "--json"))
            #expect(parent.count == 1)

            // Out and in again: the policy is the slot's.
            let several = try await explain("alice", "--fapi")
            #expect(several.status == 1 && several.errors.contains("--object"))
            let fapi = try await explain("alice", "--object", "slot", "--fapi")
            #expect(fapi.status == 0 && fapi.errors.isEmpty)
            let steps = try await explain("alice", "--object", "slot", "--steps")
            let policy = try StepText.read(steps.output)
            #expect(try FAPIPolicy(json: fapi.bytes).policy == policy)
            #expect(asked[0].tree?.label == "sha256 " + policy.digest().hexadecimal)

            let nobody = try await explain("bob")
            #expect(nobody.status == 1 && nobody.lines.count == 1)
        }
    }

    @Test("what tpm2-tools made is explained with a policy of theirs, and is unknown without")
    func foreign() async throws {
        try await withSwtpm(.uncertified) { chip in
            try await Desk.with { desk in
                try await chip.tpm2("createprimary", "-c", desk("primary.ctx"))
                try await chip.tpm2("startauthsession", "-S", desk("trial.ctx"))
                try await chip.tpm2("policypcr", "-S", desk("trial.ctx"), "-l", "sha256:16")
                try await chip.tpm2(
                    "policycommandcode", "-S", desk("trial.ctx"), "-L", desk("policy"), "TPM2_CC_Unseal")
                try await chip.tpm2("flushcontext", desk("trial.ctx"))
                desk.write("a secret", to: "secret")
                try await chip.tpm2(
                    "create", "-C", desk("primary.ctx"), "-i", desk("secret"), "-L", desk("policy"), "-u",
                    desk("sealed.pub"), "-r", desk("sealed.priv"))
                let zero = String(repeating: "00", count: 32)
                desk.write("pcr sha256:16 values \(zero)\ncommandcode Unseal\n", to: "steps.txt")
                desk.write("commandcode Unseal\n", to: "other.txt")

                func explain(_ more: String...) async throws -> Ended {
                    try await desk.run(.vault, ["explain", "--home", desk("none")] + more)
                }
                let known = try explanations(
                    await explain(
                        desk("sealed.pub"), "--policy", desk("other.txt"), "--policy", desk("steps.txt"), "--json"))
                #expect(known[0].policy == .known)
                #expect(known[0].ways.contains { $0.commands == ["Unseal"] && $0.needs[0].contains("sha256:16") })
                let unknown = try explanations(
                    await explain(desk("sealed.pub"), "--policy", desk("other.txt"), "--json"))
                #expect(unknown[0].policy == .unknown)

                // A policy alone, from one form into the other.
                let fapi = try await explain(desk("steps.txt"), "--fapi")
                desk.write(fapi.bytes, to: "policy.json")
                let back = try await explain(desk("policy.json"), "--steps")
                #expect(back.output == desk.text("steps.txt"))

                // An index and a key by handle, on a chip that is no vault's.
                try await chip.tpm2("nvdefine", "0x01500001", "-s", "8", "-a", "ownerwrite|authread")
                let index = try explanations(await explain("0x01500001", "--tcti", chip.tcti, "--json"))
                #expect(index[0].policy == .none && index[0].ways[0].needs == ["The owner hierarchy's authorization."])
                let nothing = try await explain("0x01500002", "--tcti", chip.tcti)
                #expect(nothing.status == 1 && nothing.errors.contains("nothing at 0x01500002"))

                desk.write("no policy at all", to: "noise")
                let noise = try await explain(desk("noise"))
                #expect(noise.status == 1 && noise.lines.count == 1 && noise.errors.contains("line 1: no is no step"))
            }
        }
    }
}
