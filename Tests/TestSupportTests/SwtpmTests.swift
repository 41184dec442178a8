import Foundation
import TestSupport
import Testing

@Suite("An emulated TPM of a test's own")
struct SwtpmTests {
    /// TPM2_GetRandom of 8 bytes.
    let getRandom = hex("80010000000c0000017b0008")

    @Test("answers bytes with bytes")
    func answers() async throws {
        try await withSwtpm { chip in
            let raw = try chip.raw()
            let first = try raw.transmit(getRandom)
            let second = try raw.transmit(getRandom)
            #expect(hex(first.prefix(12)) == "8001" + "00000014" + "00000000" + "0008")
            #expect(first.count == 20 && first != second)
        }
    }

    @Test("refuses an unknown command with a response code and goes on")
    func refuses() async throws {
        try await withSwtpm(.uncertified) { chip in
            let raw = try chip.raw()
            // TPM_RC_COMMAND_CODE
            #expect(RawTPM.responseCode(of: try raw.transmit(hex("80010000000a2000ffff"))) == 0x143)
            #expect(RawTPM.responseCode(of: try raw.transmit(getRandom)) == 0)
        }
    }

    @Test("keeps what it stored through a power cut, and forgets what it had not")
    func powerCut() async throws {
        try await withSwtpm { chip in
            let before = chip.processIdentifier
            try await chip.define("tenpin")
            try await chip.tpm2("pcrextend", "16:sha256=" + String(repeating: "11", count: 32))
            try await chip.restart()
            #expect(try await chip.tpm2("nvread", index) == "tenpin")
            #expect(try await chip.tpm2("pcrread", "sha256:16").contains("0x" + String(repeating: "0", count: 64)))
            #expect(chip.processIdentifier != nil && chip.processIdentifier != before)
        }
    }

    @Test("goes back to an older state file: an emulated chip protects nothing")
    func rollback() async throws {
        try await withSwtpm { chip in
            try await chip.define("before")
            chip.stop()
            #expect(chip.processIdentifier == nil)
            let snapshot = try Data(contentsOf: chip.stateFile)
            try await chip.start()
            try await chip.tpm2("nvundefine", index)
            chip.stop()
            try snapshot.write(to: chip.stateFile)
            try await chip.start()
            #expect(try await chip.tpm2("nvread", index) == "before")
        }
    }

    @Test("has endorsement keys that the authority beside it certified")
    func certified() async throws {
        try await withSwtpm { chip in
            let keys = try await chip.tpm2("getcap", "handles-persistent")
            #expect(keys.contains("0x81010001") && keys.contains("0x81010016"))
            let trustRoot = try #require(chip.trustRoot).path()
            for (key, certificate) in [("0x81010001", "0x1c00002"), ("0x81010016", "0x1c00016")] {
                try await chip.tpm2("nvread", certificate, "-o", "leaf.der")
                try await chip.run(["openssl", "x509", "-inform", "DER", "-in", "leaf.der", "-out", "leaf.pem"])
                // The critical subject alternative name that a TPM's certificate has is unknown to openssl.
                try await chip.run(["openssl", "verify", "-ignore_critical", "-CAfile", trustRoot, "leaf.pem"])
                try await chip.tpm2("readpublic", "-c", key, "-f", "pem", "-o", "key.pem")
                let certified = try await chip.run(["openssl", "x509", "-in", "leaf.pem", "-noout", "-pubkey"])
                let held = try await chip.run(["openssl", "pkey", "-pubin", "-in", "key.pem"])
                #expect(certified == held)
            }
        }
    }

    @Test("shares its identity with its like, and neither its slots nor its life")
    func independent() async throws {
        try await withSwtpm { one in
            try await withSwtpm { other in
                try await one.define("one")
                try await other.define("other")
                let (first, second) = (try one.raw(), try other.raw())
                #expect(RawTPM.responseCode(of: try first.transmit(getRandom)) == 0)
                #expect(try first.transmit(getRandom) != second.transmit(getRandom))
                one.stop()
                #expect(throws: (any Error).self) { try first.transmit(getRandom) }
                #expect(RawTPM.responseCode(of: try second.transmit(getRandom)) == 0)
            }
            try await one.start()
            #expect(try await one.tpm2("nvread", index) == "one")
        }
    }

    @Test("shares nothing when it is fresh, and has no identity when it is uncertified")
    func identities() async throws {
        let shared = try await withSwtpm { try await $0.endorsementName() }
        #expect(try await withSwtpm { try await $0.endorsementName() } == shared)
        #expect(try await withSwtpm(.fresh) { try await $0.endorsementName() } != shared)
        try await withSwtpm(.uncertified) { chip in
            #expect(chip.trustRoot == nil)
            let failure = await #expect(throws: ToolFailure.self) { try await chip.endorsementName() }
            #expect(failure?.message.contains("0x18B") == true)  // TPM_RC_HANDLE
        }
    }

    @Test("is gone with its folder at the end, also when the body throws")
    func ends() async throws {
        struct Stop: Error {}
        var folder: URL?
        var process: Int32?
        await #expect(throws: Stop.self) {
            try await withSwtpm(.uncertified) { chip in
                folder = chip.folder
                process = chip.processIdentifier
                throw Stop()
            }
        }
        #expect(!FileManager.default.fileExists(atPath: try #require(folder).path()))
        #expect(!FileManager.default.fileExists(atPath: "/proc/\(try #require(process))"))
    }
}

private let index = "0x1800000"

extension Swtpm {
    fileprivate func define(_ content: String) async throws {
        try Data(content.utf8).write(to: folder.appending(path: "content"))
        try await tpm2("nvdefine", index, "-s", String(content.utf8.count), "-a", "ownerwrite|ownerread|authread")
        try await tpm2("nvwrite", index, "-C", "o", "-i", "content")
    }

    fileprivate func endorsementName() async throws -> String {
        try await tpm2("readpublic", "-c", "0x81010016", "-n", "name")
        return hex(try Data(contentsOf: folder.appending(path: "name")))
    }
}
