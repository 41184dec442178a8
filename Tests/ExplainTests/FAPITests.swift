import Explain
import Foundation
import TPM
import TestSupport
import Testing

/// tpm2-tss' own FAPI beside ours: what it takes, we take; what it computes, we compute.
@Suite("FAPI's JSON", .timeLimit(.minutes(5)))
struct FAPITests {
    /// A FAPI with a keystore of its own, on a chip of its own.
    private struct Library {
        let chip: Swtpm
        let folder: URL

        init(_ chip: Swtpm) async throws {
            self.chip = chip
            folder = chip.folder.appending(path: "fapi")
            for name in ["user", "system", "log"] {
                try FileManager.default.createDirectory(
                    at: folder.appending(path: name), withIntermediateDirectories: true)
            }
            let configuration = """
                {"profile_name": "P_ECCP256SHA256", "profile_dir": "/etc/tpm2-tss/fapi-profiles/",
                 "user_dir": "\(folder.path())/user", "system_dir": "\(folder.path())/system",
                 "log_dir": "\(folder.path())/log", "tcti": "\(chip.tcti)", "system_pcrs": [], "ek_cert_less": "yes"}
                """
            try Data(configuration.utf8).write(to: folder.appending(path: "fapi.json"))
            _ = try await run("tss2_provision")
        }

        func run(_ command: String...) async throws -> String {
            try await chip.run(["env", "TSS2_FAPICONF=\(folder.path())/fapi.json", "TSS2_LOG=all+none"] + command)
        }

        /// What it writes of a policy that it imported.
        func exported(_ json: String) async throws -> [UInt8] {
            let name = UUID().uuidString
            let file = folder.appending(path: name)
            try Data(json.utf8).write(to: file)
            _ = try await run("tss2_import", "-p", "/policy/\(name)", "-i", file.path())
            return Array(try await run("tss2_exportpolicy", "-p", "/policy/\(name)", "-o", "-").utf8)
        }
    }

    private static let ecc = [
        "-----BEGIN PUBLIC KEY-----", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2KLyvd1nt+cAqBxTIAuitrI7UjG7",
        "FsJBKfHteeRbyXmc4lmZTF7yzB1yrd1LYQFW7/lqO7bmv8LzsZZeawJfFg==", "-----END PUBLIC KEY-----", "",
    ].joined(separator: "\\n")
    private static let index = """
        "nvPublic": {"size": 0, "nvPublic": {"nvIndex": 25690128, "nameAlg": "SHA256", "authPolicy": "", "dataSize": 8,
         "attributes": {"AUTHREAD": 1, "NO_DA": 1, "TPM2_NT": "PIN_PASS"}}}
        """
    private static let digest = String(repeating: "5a", count: 32)

    /// Elements whose digest tpm2-tss 3.2 computes as a chip does.
    static let elements = [
        #"{"type": "POLICYSIGNED", "keyPEM": "\#(ecc)", "policyRef": "0102"}"#,
        #"{"type": "Signed", "keyPEM": "\#(ecc)", "keyPEMhashAlg": "TPM2_ALG_SHA384"}"#,
        #"{"type": "POLICYAUTHORIZE", "keyPEM": "\#(ecc)", "policyRef": [1, 2]}"#,
        #"{"type": "POLICYSECRET", "objectName": "4000000b", "policyRef": "0a"}"#,
        #"{"type": "AuthValue"}"#, #"{"type": "POLICYPHYSICALPRESENCE"}"#,
        #"{"type": "POLICYLOCALITY", "locality": {"ZERO": 1, "THREE": 1}}"#,
        #"{"type": "POLICYLOCALITY", "locality": ["ZERO", "THREE"]}"#, #"{"type": "POLICYLOCALITY", "locality": 9}"#,
        #"{"type": "POLICYNV", "nvIndex": 25690128, \#(index), "operandB": "0001", "offset": 1, "operation": "unsigned_ge"}"#,
        #"{"type": "POLICYNV", "nvIndex": 25690128, \#(index), "operandB": "0001"}"#,
        #"{"type": "POLICYAUTHORIZENV", \#(index)}"#,
        #"{"type": "POLICYCOUNTERTIMER", "operandB": "0000000000001000", "operation": 7}"#,
        #"{"type": "POLICYCOMMANDCODE", "code": "nv_write"}"#, #"{"type": "CommandCode", "code": "ECDH_ZGen"}"#,
        #"{"type": "CpHash", "cpHash": "\#(digest)"}"#, #"{"type": "NvWritten", "writtenSet": "NO"}"#,
        #"{"type": "NvWritten", "writtenSet": "YES",}"#,
        #"""
        {"type": "POLICYPCR", "pcrs": [{"pcr": 16, "hashAlg": "SHA1", "digest": "\#(String(repeating: "00", count: 20))"},
         {"pcr": 3, "hashAlg": "SHA256", "digest": "\#(digest)"}, {"pcr": 1, "hashAlg": "SHA256", "digest": "\#(digest)"}]}
        """#,
        #"""
        {"type": "POLICYOR", "branches": [
         {"name": "a", "description": "a", "policy": [{"type": "POLICYPHYSICALPRESENCE"}]},
         {"name": "b", "description": "b", "policy": [{"type": "POLICYCOMMANDCODE", "code": "unseal"}]}]}
        """#,
    ]

    /// Without the digests that it states, which tpm2-tss would take on trust.
    private static func undigested(_ json: String) throws -> String {
        var policy = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        policy["policyDigests"] = nil
        return String(decoding: try JSONSerialization.data(withJSONObject: policy), as: UTF8.self)
    }

    @Test("is read as tpm2-tss reads it: the same digest, from the file and from what it writes; and it reads ours")
    func bothWays() async throws {
        try await withSwtpm(.uncertified) { chip in
            let library = try await Library(chip)
            for element in Self.elements {
                let json = #"{"description": "a test", "policy": [\#(element)]}"#
                let ours = try FAPIPolicy(json: Array(json.utf8))
                let theirs = try FAPIPolicy(json: await library.exported(json))
                let stated = try #require(theirs.stated[.sha256], "\(element)")
                #expect(stated == ours.policy.digest(), "\(element)")
                #expect(theirs.policy == ours.policy && theirs.misstated.isEmpty, "\(element)")

                // Back again: by public area where theirs came as PEM.
                #expect(ours.missing.isEmpty)
                let written = try ours.json()
                #expect(try FAPIPolicy(json: Array(written.utf8)).policy == ours.policy)
                // Signed policies are compared above, where their keys come as PEM.
                guard !element.contains("\"Signed\""), !element.contains("POLICYSIGNED") else { continue }
                let again = try FAPIPolicy(json: await library.exported(Self.undigested(written)))
                #expect(again.stated[.sha256] == ours.policy.digest(), "\(written)")
            }
        }
    }

    @Test("has every kind of step, and comes back as it was", arguments: StepTextTests.lines)
    func everyStep(line: String) throws {
        let policy = try StepText.read(line)
        let fapi = FAPIPolicy(policy, description: "a step")
        if line.contains("digest") && line.hasPrefix("pcr") {
            #expect(throws: ExplainError.self) { try fapi.json() }
            return
        }
        // An index has no place for its Name alone.
        guard !line.hasPrefix("nv "), !line.hasPrefix("authorizenv") else { return #expect(fapi.missing.count == 1) }
        let read = try FAPIPolicy(json: Array(try fapi.json().utf8))
        #expect(read.policy == policy)
        #expect(read.misstated.isEmpty && read.stated.count == 3)
    }

    @Test("that states a digest which no chip computes from its steps is told")
    func misstated() throws {
        let json = """
            {"description": "", "policyDigests": [{"hashAlg": "SHA256", "digest": "\(Self.digest)"}],
             "policy": [{"type": "POLICYAUTHVALUE"}]}
            """
        #expect(try FAPIPolicy(json: Array(json.utf8)).misstated == [.sha256])
    }

    @Test(
        "names the place of what is wrong",
        arguments: [
            (#"{"policy": [{"type": "POLICYSIGNED", "keyPath": "/HS/SRK/k"}]}"#, "policy[0]", "tss2_exportpolicy"),
            (#"{"policy": [{"type": "POLICYNV", "nvPath": "/nv/x", "operandB": "00"}]}"#, "policy[0]", "nvPublic"),
            (#"{"policy": [{"type": "Nothing"}]}"#, "policy[0].type", "no kind of policy"),
            (#"{"policy": [{"type": "PCR", "currentPCRs": [1]}]}"#, "policy[0]", "only the chip knows"),
            (#"{"policy": [{"type": "CommandCode", "code": "x"}]}"#, "policy[0].code", "a command of TPM 2.0"),
            (#"{"policy": [{"type": "CpHash", "cpHash": "0x1"}]}"#, "policy[0].cpHash", "hexadecimal"),
            (#"{"policy": [{"type": "Locality", "locality": {"Extended": 1}}]}"#, "policy[0].locality", "no flag"),
            (#"{"description": "x"}"#, "", "policy is missing"), ("[", "the file", "no JSON"),
        ])
    func wrong(json: String, place: String, what: String) {
        #expect {
            try FAPIPolicy(json: Array(json.utf8))
        } throws: { error in
            guard case ExplainError.json(let found, let message) = error else { return false }
            return found == place && message.contains(what)
        }
    }
}
