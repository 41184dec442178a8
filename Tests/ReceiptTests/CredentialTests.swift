import Crypto
import Foundation
import Secrets
import TPM
import TPMDevice
import TestSupport
import Testing

/// What binds an attestation key to an endorsement key: TPM2_MakeCredential without a chip, opened by a real one.
@Suite(.timeLimit(.minutes(2))) struct CredentialTests {
    static let secret: [UInt8] = (1...32).map { $0 }

    /// Lends an endorsement key made from a template.
    static func withEndorsementKey<R>(
        _ template: EndorsementTemplate, on chip: Chip, _ body: (Command.Entity, PublicArea) throws -> R
    ) throws -> R {
        let made = try chip.run(
            .createPrimary(template.publicArea, in: .endorsement), authorizedBy: chip.endorsement)
        let handle = try #require(made.handle)
        defer { try? chip.flush(handle) }
        let area = try chip.publicArea(of: handle)
        return try body(Command.Entity(handle, area.name), area)
    }

    static func attestationKey(of chip: Chip) throws -> PublicArea {
        try chip.withAttestationKey { (_, area) throws(ChipError) in area }
    }

    static func activate(
        _ credential: Credential, on chip: Chip, _ endorsement: Command.Entity, _ template: EndorsementTemplate
    ) throws(ChipError) -> [UInt8] {
        try chip.withAttestationKey { (key, _) throws(ChipError) in
            try chip.activate(credential, of: key, by: endorsement, template: template)
        }
    }

    /// libtpms 0.9.2 makes no RSA-4096 key.
    @Test(
        "every kind of endorsement key that the emulator makes opens a credential made here",
        arguments: EndorsementTemplate.allCases.filter { $0 != .rsa4096 })
    func everyKind(_ template: EndorsementTemplate) async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let chip = try Chip(tcti: swtpm.tcti)
            let attestation = try Self.attestationKey(of: chip)
            #expect(AttestationProfile.accepts(attestation))
            #expect(try Self.attestationKey(of: chip) == attestation)
            try Self.withEndorsementKey(template, on: chip) { endorsement, area in
                #expect(EndorsementTemplate(of: area) == template)
                let credential = try Credential(
                    SecretBytes(copying: Self.secret.span), for: attestation.name, endorsementKey: area)
                #expect(try Self.activate(credential, on: chip, endorsement, template) == Self.secret)
            }
        }
    }

    @Test("a credential for another key or another chip, or an altered one, stays closed")
    func closed() async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let chip = try Chip(tcti: swtpm.tcti)
            let name = try Self.attestationKey(of: chip).name
            try Self.withEndorsementKey(.p256, on: chip) { endorsement, area in
                func make(_ name: Name, _ area: PublicArea) throws -> Credential {
                    try Credential(SecretBytes(copying: Self.secret.span), for: name, endorsementKey: area)
                }
                func expectClosed(_ credential: Credential, _ why: String) {
                    #expect(throws: ChipError.self, "\(why)") {
                        try Self.activate(credential, on: chip, endorsement, .p256)
                    }
                }
                let good = try make(name, area)
                expectClosed(try make(area.name, area), "another key")
                var stranger = EndorsementTemplate.p256.publicArea
                let point = P256Point(P256.Signing.PrivateKey().publicKey)
                stranger.body = .ecc(curve: .p256, symmetric: .aes128, scheme: .null, x: point.x, y: point.y)
                expectClosed(try make(name, stranger), "another chip")
                for index in good.blob.indices {
                    var blob = good.blob
                    blob[index] ^= 1
                    expectClosed(Credential(blob: blob, encryptedSeed: good.encryptedSeed), "blob \(index)")
                }
                #expect(try Self.activate(good, on: chip, endorsement, .p256) == Self.secret)
            }
        }
    }

    /// The attack: 1. the operator makes a key of its own and gives it the public area of an attestation key; 2. has a genuine
    /// chip, which has only that public part, open the credential; 3. signs receipts as it likes.
    @Test("a chip opens nothing for a key of which it has the public part alone")
    func publicPartAlone() async throws {
        try await withSwtpm(.uncertified) { swtpm in
            let chip = try Chip(tcti: swtpm.tcti)
            let forged = AttestationProfile.publicArea(P256Point(P256.Signing.PrivateKey().publicKey))
            try Self.withEndorsementKey(.p256, on: chip) { endorsement, area in
                let credential = try Credential(
                    SecretBytes(copying: Self.secret.span), for: forged.name, endorsementKey: area)
                let loaded = try #require(try chip.run(.loadExternal(forged)).handle)
                let error = #expect(throws: ChipError.self) {
                    try chip.activate(
                        credential, of: .init(loaded, forged.name), by: endorsement, template: .p256)
                }
                #expect(error?.responseCode == .authUnavailable)
                try chip.flush(loaded)
            }
        }
    }

    @Test("tpm2-tools make the same key and credentials that open, and the key does nothing but its two commands")
    func tools() async throws {
        try await withSwtpm { swtpm in
            let ours = try Self.attestationKey(of: Chip(tcti: swtpm.tcti))
            let codes = ["TPM2_CC_NV_Certify", "TPM2_CC_ActivateCredential"]
            for (number, code) in codes.enumerated() {
                try await swtpm.tpm2("startauthsession", "-S", "t.ctx")
                try await swtpm.tpm2("policycommandcode", "-S", "t.ctx", "-L", "branch\(number)", code)
                if number == 1 {
                    try await swtpm.tpm2("policyor", "-S", "t.ctx", "-L", "policy", "-l", "sha256:branch0,branch1")
                }
                try await swtpm.tpm2("flushcontext", "t.ctx")
            }
            try await swtpm.tpm2(
                "createprimary", "-Q", "-C", "e", "-G", "ecc256:ecdsa-sha256:null", "-L", "policy", "-c", "ak.ctx",
                "-a",
                "fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|noda|restricted|sign")
            try await swtpm.tpm2("readpublic", "-Q", "-c", "ak.ctx", "-n", "ak.name")
            #expect(try Array(Data(contentsOf: swtpm.folder.appending(path: "ak.name"))) == ours.name.bytes)

            // Quote is no command of its policy, by no branch and no password.
            for code in codes {
                try await swtpm.tpm2("startauthsession", "--policy-session", "-S", "s.ctx")
                try await swtpm.tpm2("policycommandcode", "-S", "s.ctx", code)
                try await swtpm.tpm2("policyor", "-S", "s.ctx", "-l", "sha256:branch0,branch1")
                await #expect(throws: ToolFailure.self) {
                    try await swtpm.tpm2(
                        "quote", "-Q", "-c", "ak.ctx", "-p", "session:s.ctx", "-l", "sha256:0", "-q", "abcd")
                }
                try await swtpm.tpm2("flushcontext", "s.ctx")
            }
            await #expect(throws: ToolFailure.self) {
                try await swtpm.tpm2("quote", "-Q", "-c", "ak.ctx", "-l", "sha256:0", "-q", "abcd")
            }
            try await swtpm.tpm2("flushcontext", "-t")

            // What another program made for both persistent endorsement keys.
            try Data(Self.secret).write(to: swtpm.folder.appending(path: "secret"))
            for (handle, template) in [(0x8101_0001, EndorsementTemplate.rsa2048), (0x8101_0016, .p384)] {
                let text = "0x" + String(handle, radix: 16)
                try await swtpm.tpm2("readpublic", "-Q", "-c", text, "-o", "ek.pub")
                try await swtpm.tpm2(
                    "makecredential", "-Q", "-u", "ek.pub", "-s", "secret", "-n", ours.name.description, "-o", "blob")
                // Magic and version of the tool's own, then the two buffers.
                let file = try Array(Data(contentsOf: swtpm.folder.appending(path: "blob"))).dropFirst(8)
                let credential = try Reader.parse(file) { (reader: inout Reader) throws(WireError) in
                    Credential(blob: try reader.sized(), encryptedSeed: try reader.sized())
                }
                let chip = try Chip(tcti: swtpm.tcti)
                let area = try chip.publicArea(of: Handle(UInt32(handle)))
                #expect(
                    try Self.activate(credential, on: chip, .init(Handle(UInt32(handle)), area.name), template)
                        == Self.secret)
            }
        }
    }
}
