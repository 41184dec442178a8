import Crypto
import CryptoExtras
import Endorsement
import EndorsementTestSupport
import SwiftASN1
import Testing
import X509

@Suite("A maker's endorsement certificate")
struct MakersTests {
    let key = P256.Signing.PrivateKey()
    let maker: PaperAuthority

    init() throws { maker = try PaperAuthority("Maker", key: .init(key)) }

    @Test("may name RSAES-OAEP as the key's algorithm, with parameters, as Infineon's and ST's do")
    func oaep() async throws {
        let rsa = Certificate.PrivateKey(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        let plain = try maker.endorse(key: rsa.publicKey)
        var reissue = try Reissue(plain)
        let bits = try #require(try DER.parse(reissue.fields[6]).lastChild)
        // id-RSAES-OAEP, and parameters with the pSource `TCPA`.
        let oaep = Reissue.value(0x06, [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x07])
        let source = Reissue.sequence([
            Reissue.value(0x06, [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x09]),
            Reissue.value(0x04, Array("TCPA".utf8)),
        ])
        for parameters in [[], [Reissue.sequence([Reissue.value(0xA2, source)])]] {
            reissue.fields[6] = Reissue.sequence([Reissue.sequence([oaep] + parameters), bits])
            let leaf = try EndorsementCertificate(der: reissue.signed(by: key))
            #expect(leaf.certifiedKey == (try EndorsementCertificate(der: plain).certifiedKey))
            _ = try await verify(leaf)
        }
    }

    @Test("may write FALSE where DER leaves it out, as Intel's on-die authority does")
    func explicitFalse() async throws {
        var reissue = try Reissue(maker.endorse())
        // CA FALSE in the basic constraints, and `critical FALSE` in the extended key usage.
        try reissue.changeExtension(.X509ExtensionID.basicConstraints) { parts in
            [parts[0], parts[1], Reissue.value(0x04, [0x30, 0x03, 0x01, 0x01, 0x00])]
        }
        try reissue.changeExtension(.X509ExtensionID.extendedKeyUsage) { parts in
            [parts[0], [0x01, 0x01, 0x00], parts[1]]
        }
        let der = try reissue.signed(by: key)
        #expect(throws: (any Error).self) { try Certificate(derEncoded: der) }
        _ = try await verify(EndorsementCertificate(der: der))
        // TRUE is what it says, and anything else says nothing.
        for (flag, error) in [(UInt8(0xFF), EndorsementError.isAuthority), (0x01, .malformed)] {
            try reissue.changeExtension(.X509ExtensionID.basicConstraints) { parts in
                [parts[0], parts[1], Reissue.value(0x04, [0x30, 0x03, 0x01, 0x01, flag])]
            }
            let leaf = try EndorsementCertificate(der: reissue.signed(by: key))
            await #expect(throws: error) { try await verify(leaf) }
        }
    }

    @Test("may have the chip's attributes in any order, as Nuvoton's do, and each only once")
    func unsortedNames() async throws {
        func attribute(_ number: UInt8, _ text: String) -> [UInt8] {
            Reissue.sequence([
                Reissue.value(0x06, [0x67, 0x81, 0x05, 0x02, number]), Reissue.value(0x0C, Array(text.utf8)),
            ])
        }
        let parts = [attribute(1, "id:4E544300"), attribute(2, "NPCT75x"), attribute(3, "id:00070002")]
        for attributes in [parts, parts.reversed(), parts + [parts[0]]] {
            var reissue = try Reissue(maker.endorse())
            let set = Reissue.value(0x31, attributes.flatMap { $0 })
            let names = Reissue.sequence([Reissue.value(0xA4, Reissue.sequence([set]))])
            try reissue.changeExtension(.X509ExtensionID.subjectAlternativeName) {
                [$0[0], $0[1], Reissue.value(0x04, names)]
            }
            let leaf = try EndorsementCertificate(der: reissue.signed(by: key))
            if attributes.count == 3 {
                let chip = try await verify(leaf).chip
                #expect(chip.manufacturer.description == "NTC" && chip.model == "NPCT75x")
            } else {
                await #expect(throws: EndorsementError.namesNoChip) { try await verify(leaf) }
            }
        }
    }

    @Test("is not read with a second copy of an extension, another algorithm outside than inside, or a version below 3")
    func twoReadings() throws {
        let good = try Reissue(maker.endorse())
        var twice = good
        let purpose = try Certificate.Extension.purpose([2, 23, 133, 8, 1])
        twice.fields[7] = try Reissue(
            maker.endorse(extensions: PaperAuthority.endorsement(names: [.chip()]))
        ).fields[7]
        try twice.changeExtension(.X509ExtensionID.keyUsage) { _ in
            [Reissue.value(0x06, [0x55, 0x1D, 0x25]), Reissue.value(0x04, Array(purpose.value))]
        }
        var outside = good
        outside.fields[2] = Reissue.sequence([Reissue.value(0x06, [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03])])
        var old = good
        old.fields[0] = [0xA0, 0x03, 0x02, 0x01, 0x01]
        for reissue in [twice, outside, old] {
            let der = try reissue.signed(by: key)
            #expect(throws: EndorsementError.malformed) { try EndorsementCertificate(der: der) }
        }
        _ = try EndorsementCertificate(der: good.signed(by: key))
    }

    @Test("with an RSA key that has the ROCA fingerprint is refused")
    func roca() async throws {
        let rsa = Certificate.PrivateKey(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        var reissue = try Reissue(maker.endorse(key: rsa.publicKey))
        let algorithm = try #require(try DER.parse(reissue.fields[6]).firstChild)
        let number = Reissue.sequence([
            Reissue.value(0x02, [0] + ROCATests.marked), Reissue.value(0x02, [0x01, 0x00, 0x01]),
        ])
        reissue.fields[6] = Reissue.sequence([algorithm, Reissue.value(0x03, [0] + number)])
        let leaf = try EndorsementCertificate(der: reissue.signed(by: key))
        await #expect(throws: EndorsementError.rocaKey) { try await verify(leaf) }
    }

    @Test("leads over the authorities of its own chain, picked from a heap that holds others")
    func heap() throws {
        let root = try PaperAuthority("Root")
        let upper = try PaperAuthority("Upper", issuer: root)
        let lower = try PaperAuthority("Lower", issuer: upper)
        let others = try (0..<20).map { try PaperAuthority("Other \($0)", issuer: root) }
        let leaf = try lower.endorse()
        let heap = try ([root] + others + [lower, upper]).map { try $0.authority }
        let chain = EndorsementChain(try EndorsementCertificate(der: leaf), from: heap)
        #expect(chain.authorities.map(\.subject) == ["CN=Lower", "CN=Upper", "CN=Root"])

        let concatenated = heap.flatMap(\.der) + [UInt8](repeating: 0xFF, count: 40)
        #expect(EndorsementChain.authorities(concatenated: concatenated).map(\.fingerprint) == heap.map(\.fingerprint))
        #expect(EndorsementChain.authorities(concatenated: Array(concatenated.prefix(100))).isEmpty)
        let file = try EndorsementChain(file: leaf + concatenated)
        #expect(file.authorities.map(\.subject) == ["CN=Lower", "CN=Upper", "CN=Root"])
        #expect(throws: EndorsementError.self) { try EndorsementChain(file: []) }
        #expect(throws: EndorsementError.self) { try EndorsementChain(file: Array("hello".utf8)) }
    }

    private func verify(_ leaf: EndorsementCertificate) async throws -> VerifiedEndorsement {
        try await leaf.verify(roots: [maker.authority], intermediates: [], at: PaperAuthority.now)
    }
}

extension ASN1Node {
    private var encodedChildren: [[UInt8]] {
        if case .constructed(let nodes) = content { nodes.map { Array($0.encodedBytes) } } else { [] }
    }
    fileprivate var firstChild: [UInt8]? { encodedChildren.first }
    fileprivate var lastChild: [UInt8]? { encodedChildren.last }
}
