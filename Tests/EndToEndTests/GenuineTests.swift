import Crypto
import CryptoExtras
import Endorsement
import EndorsementTestSupport
import Foundation
import TPM
import TPMDevice
import TestSupport
import Testing
import Vault
import VaultAPI
import VaultTestSupport
import X509

@testable import VaultClient

/// A maker, whose chip is an emulated one: its certificates name another vendor where a test wants that.
@Suite("A vault whose chip's maker certified its endorsement key")
struct GenuineTests {
    private let root: PaperAuthority
    private let middle: PaperAuthority
    /// The number that the emulated chip states: `IBM`.
    private static let vendor = "id:49424D00"

    init() throws {
        root = try PaperAuthority("Paper root")
        middle = try PaperAuthority("Paper intermediate", issuer: root)
    }

    @Test(
        "is trusted with a key of each kind, by a certificate from a file and a root that is only pinned",
        arguments: [EndorsementTemplate.p256, .p256High, .rsa2048High, .rsa3072])
    func kinds(template: EndorsementTemplate) async throws {
        try await ServedVault.with(endorsement: template, supplied: { try supplied($0, template) }) { served in
            let link = try await open(served, pins: try pins("IBM"))
            await link.close()
            #expect(try EndorsementTemplate.matching(link.vault.endorsementKey) == template)
            #expect(link.vault.pinnedRoot?.name == "Paper" && link.vault.tier == .emulated)
            #expect(link.vault.certificate.chip.model == "paper")
        }
    }

    @Test("is trusted by certificates in NV: padding behind the chip's, and a chain that runs over two indexes")
    func storedInNV() async throws {
        try await ServedVault.with(
            endorsement: .p256,
            supplied: { swtpm in
                let leaf = try certificate(swtpm, .p256)
                let chain = try middle.certificate.der + root.certificate.der + [0xFF, 0xFF]
                let cut = chain.count / 3
                try await store(leaf + [UInt8](repeating: 0xFF, count: 50), at: "0x1c0000a", swtpm)
                try await store(Array(chain.prefix(cut)), at: "0x1c00100", swtpm)
                try await store(Array(chain.dropFirst(cut)), at: "0x1c00101", swtpm)
                return SuppliedCertificates()
            }
        ) { served in
            let link = try await open(served, pins: try pins("IBM"))
            await link.close()
            #expect(link.vault.certificate.issuer == "CN=Paper intermediate")
            // Without the pin its own root helps nobody.
            #expect(try await refusal(served, pins: .builtIn) == .certificate(.untrusted([])))
        }
    }

    @Test("is refused where the root has no say about its maker, and where the certificate names another maker")
    func makers() async throws {
        try await ServedVault.with(endorsement: .p256, supplied: { try supplied($0, .p256) }) { served in
            let refusal = try await refusal(served, pins: pins("IFX"))
            #expect(refusal == .certificate(.rootOfAnotherMaker(root: "Paper", certificate: "IBM")))
        }
        try await ServedVault.with(
            endorsement: .p256, supplied: { try supplied($0, .p256, vendor: "id:49465800") }
        ) { served in
            let refusal = try await refusal(served, pins: pins("IFX"))
            #expect(refusal == .anotherMaker(certificate: "IFX", chip: "IBM"))
        }
    }

    @Test("cannot be provisioned with another key's certificate, nor with a key of a template of somebody's own")
    func provisioning() async throws {
        try await withSwtpm { swtpm in
            let home = swtpm.folder.path + "/vault"
            func provision(_ wanted: EndorsementTemplate?, _ leaf: [UInt8]) throws -> String? {
                var provision = try Provision(tcti: swtpm.tcti, ownerAuthorization: []) { _ in }
                provision.supplied = SuppliedCertificates(chain: try EndorsementChain(file: leaf))
                let error = #expect(throws: ProvisionError.self) {
                    try provision.run(home: home, endorsement: wanted, measureCapacity: false, allowEmulated: true)
                }
                return error?.description
            }
            // Of another key, and of the chip's own key of another template.
            let strange = try middle.endorse(extensions: extensions(Self.vendor))
            #expect(try provision(nil, strange)?.contains("certifies another key") == true)
            let p384 = try certificate(swtpm, .p384)
            #expect(try provision(.p256, p384)?.contains("--endorsement p384") == true)
            // A key that may also be used with its authValue, kept where endorsement keys are.
            var template = EndorsementTemplate.p256.publicArea
            template.attributes.insert(.userWithAuth)
            let chip = try Chip(tcti: swtpm.tcti)
            let area = try Self.make(template, on: chip) { handle, area in
                try chip.run(
                    .evictControl(.init(handle, area.name), persistent: Handle(0x8101_00AA)), authorizedBy: chip.owner)
            }
            let said = try provision(.p256, try certify(area))
            #expect(
                said?.contains("at 0x810100aa") == true && said?.contains("the attribute userWithAuth is set") == true)
        }
    }

    // MARK: the paper maker's factory

    private func supplied(
        _ swtpm: Swtpm, _ template: EndorsementTemplate, vendor: String = vendor
    ) throws -> SuppliedCertificates {
        let leaf = try certificate(swtpm, template, vendor: vendor)
        let chain = try EndorsementChain(file: leaf + middle.certificate.der)
        return SuppliedCertificates(chain: chain, authorities: [try root.authority])
    }

    /// The certificate of the key that the chip makes from the template.
    private func certificate(
        _ swtpm: Swtpm, _ template: EndorsementTemplate, vendor: String = vendor
    ) throws -> [UInt8] {
        let area = try Self.make(template.publicArea, on: Chip(tcti: swtpm.tcti)) { _, _ in }
        return try certify(area, vendor: vendor)
    }

    private static func make(
        _ template: PublicArea, on chip: Chip, _ body: (Handle, PublicArea) throws -> Void
    ) throws -> PublicArea {
        let response = try chip.run(.createPrimary(template, in: .endorsement), authorizedBy: .password())
        let handle = try #require(response.handle)
        let area = try chip.publicArea(of: handle)
        try body(handle, area)
        try chip.flush(handle)
        return area
    }

    private func certify(_ area: PublicArea, vendor: String = vendor) throws -> [UInt8] {
        let key: Certificate.PublicKey
        switch area.body {
        case .ecc(.p256, _, _, let x, let y): key = .init(try P256.Signing.PublicKey(x963Representation: [4] + x + y))
        case .ecc(.p384, _, _, let x, let y): key = .init(try P384.Signing.PublicKey(x963Representation: [4] + x + y))
        case .rsa(_, _, _, let modulus): key = .init(try _RSA.Signing.PublicKey(n: modulus, e: [1, 0, 1]))
        case .sealed: throw HarnessError("no key")
        }
        return try middle.endorse(key: key, extensions: extensions(vendor))
    }

    private func extensions(_ vendor: String) throws -> [Certificate.Extension] {
        try PaperAuthority.endorsement(
            names: [.chip(manufacturer: [vendor], model: ["paper"])],
            usage: [.usage(KeyUsage(keyEncipherment: true, keyAgreement: true))])
    }

    private func store(_ contents: [UInt8], at index: String, _ swtpm: Swtpm) async throws {
        try Data(contents).write(to: swtpm.folder.appending(path: "contents"))
        let attributes = "ownerread|ownerwrite|authread|no_da"
        try await swtpm.tpm2("nvdefine", index, "-C", "o", "-s", "\(contents.count)", "-a", attributes)
        try await swtpm.tpm2("nvwrite", index, "-C", "o", "-i", "contents")
    }

    // MARK: the device

    /// Only the paper root, for this vendor's chips.
    private func pins(_ vendor: String) throws -> RootPins {
        let digits = try root.authority.fingerprint.map { String(format: "%02x", $0) }.joined()
        var pins = RootPins.builtIn
        pins.apply(
            try RootsFile(
                Array(
                    #"{"only": [], "add": [{"sha256": "\#(digits)", "vendor_ids": ["\#(vendor)"], "name": "Paper"}]}"#
                        .utf8),
                path: "pins"))
        return pins
    }

    private func open(_ served: ServedVault, pins: RootPins) async throws -> VaultLink {
        let trust = TrustPolicy(
            authorities: Authorities(pins: pins, own: []), known: KnownVaults(), allowEmulated: true,
            now: { PaperAuthority.now }
        ) { _ in true }
        return try await VaultLink.open(SocketDialer(served.socket), trust: trust)
    }

    private func refusal(_ served: ServedVault, pins: RootPins) async throws -> TrustRefusal? {
        let error = await #expect(throws: VaultClientError.self) { try await open(served, pins: pins) }
        guard case .notTrusted(let refusal) = error?.reason else { return nil }
        return refusal
    }
}
