import Crypto
import Secrets
import TestSupport
import Testing

@testable import TPM

/// The seal that TPM2_Import takes in, against one that an emulated chip took in.
@Suite struct SealedVectorTests {
    static let object =
        "00780023000b000204800020bbbcf51d4be5fed03dd59f8d3e73e8e5f14fe3e577e547f7df17b2027b8010dd00100019000b0003"
        + "00100020cbc425e47b45fdefffa8d1c2cea3b91b5a2d50bcc64b540b883b7e566beb282b00201de88155e3d79cd0db2213cc54b4"
        + "c709a1d481dba55c12be82cf144300d434f1"
    static let seed = "c8c4d8f28f0207f8605d8a34fcf1230e6797db654e63b78db5402955495d686e"
    static let duplicate =
        "0020e0d7628e00d4c69ba51192d4c518091649dfc391b9ab8cae07ea34a03482483ac834b9b38e2f10f7926453eb173a6085e364"
        + "612ddebe98c8059dff8c976e00e4f6281d9a93c85cad75b3"
    static let privateKey = "3182c936cfada70c50c48c4aa1b222fe4285fe0c7ebb82c42cadf9ee9a1fb000"

    @Test("the same seed seals the same object to the same bytes")
    func reseal() throws {
        let area = try PublicArea(tpm2b: hex(Self.object))
        let sensitive = Sensitive(privateKey: SecretBytes(copying: hex(Self.privateKey).span))
        let wrapped = try Sealed.wrap(sensitive, of: area, seed: SecretBytes(copying: hex(Self.seed).span))
        #expect(hex(wrapped) == Self.duplicate)
    }

    @Test("the encrypted seed of wrap.json opens to its seed")
    func open() throws {
        guard let file = SharedVectors.json("tpm/wrap.json") else { return }
        let seal = try #require(file["seal"] as? [String: String])
        let parent = try PublicArea(tpm2b: hex(try #require(seal["parent_public"])))
        #expect(parent.name.description == seal["parent_name"])
        #expect(ParentProfile.accepts(parent))
        let key = try P256.KeyAgreement.PrivateKey(derRepresentation: hex(try #require(seal["parent_private_pkcs8"])))
        var reader = Reader(hex(try #require(seal["encrypted_seed"])))
        let point = try P256Point(tpm2b: &reader)
        let z = try key.sharedSecretFromKeyAgreement(with: .init(x963Representation: point.x963))
        let seed = KDF.e(
            .sha256, z: z, label: "DUPLICATE", partyU: point.x, partyV: try #require(parent.point).x, bits: 256)
        let opened = hex(seed.published)
        #expect(opened == seal["seed"])
        let sensitive = Sensitive(privateKey: SecretBytes(copying: hex(Self.privateKey).span))
        let marshalled = hex(sensitive.tpm2b.published)
        #expect(marshalled == seal["sensitive"])
    }

    @Test("a fresh seal opens with the parent's private key")
    func roundTrip() throws {
        let key = P256.KeyAgreement.PrivateKey()
        let raw = Array(key.publicKey.rawRepresentation)
        var parent = ParentProfile.template
        parent.body = .ecc(
            curve: .p256, symmetric: .aes128, scheme: .null, x: Array(raw.prefix(32)), y: Array(raw.suffix(32)))
        let area = try PublicArea(tpm2b: hex(Self.object))
        let sensitive = Sensitive(privateKey: SecretBytes(random: 32))
        let sealed = try Sealed(sensitive, of: area, to: parent)
        var reader = Reader(sealed.encryptedSeed)
        let point = try P256Point(&reader)
        try reader.end()
        let z = try key.sharedSecretFromKeyAgreement(with: .init(x963Representation: point.x963))
        let seed = KDF.e(.sha256, z: z, label: "DUPLICATE", partyU: point.x, partyV: Array(raw.prefix(32)), bits: 256)
        #expect(try Sealed.wrap(sensitive, of: area, seed: seed) == sealed.duplicate)
    }
}
